/** ZIP files without compression: pictures are compressed already (APPNOTE.TXT of PKWARE, 4.3). */

import {crc32} from "./crc.js";

const VERSION = 20, UTF8_NAMES = 0x0800, STORED = 0;
const LARGEST = 0xffffffff, MOST = 0xffff; // without ZIP64

/** Return the little-endian bytes of `fields`, pairs of a value and its length in bytes. */
function record(...fields) {
  const bytes = [];
  for (const [value, length] of fields) for (let index = 0; index < length; index++) bytes.push(Math.floor(value / 256 ** index) & 255);
  return Uint8Array.from(bytes);
}

/** Return date and time as MS-DOS writes them. */
const dosTime = date => (date.getFullYear() - 1980) * 2 ** 25 + (date.getMonth() + 1 << 21 | date.getDate() << 16
  | date.getHours() << 11 | date.getMinutes() << 5 | date.getSeconds() >> 1);

/** Return `name`, with a number if it is in `taken`, and add it there. */
export function unique(name, taken) {
  let free = name;
  for (let number = 2; taken.has(free); number++) free = name.replace(/(?=(\.\w+)?$)/, ` (${number})`);
  taken.add(free);
  return free;
}

/** Return a ZIP file of `files`: pairs of a name and a Blob. */
export async function zipped(files) {
  const parts = [], directory = [], time = dosTime(new Date());
  let at = 0, length = 0;
  for (const [name, blob] of files) {
    const path = new TextEncoder().encode(name), crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    const common = [[VERSION, 2], [UTF8_NAMES, 2], [STORED, 2], [time, 4], [crc, 4], [blob.size, 4], [blob.size, 4], [path.length, 2], [0, 2]];
    const local = record([0x04034b50, 4], ...common);
    const entry = record([0x02014b50, 4], [VERSION, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]);
    parts.push(local, path, blob);
    directory.push(entry, path);
    at += local.length + path.length + blob.size;
    length += entry.length + path.length;
  }
  const count = directory.length / 2;
  if (at + length > LARGEST || count > MOST) throw new Error("The ZIP file would be larger than 4 GB; save the pictures one by one.");
  const end = record([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [length, 4], [at, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], {type: "application/zip"});
}
