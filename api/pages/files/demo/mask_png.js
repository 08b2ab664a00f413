/** Masks as PNG files with a palette, whose pixel values are the class ids: a canvas can't write them. */

import {colourOf} from "./classes.js";
import {crc32} from "./crc.js";

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

/** Return a chunk of a PNG file: length, type, data, checksum (PNG specification, 5.3). */
function chunk(type, data) {
  const bytes = new Uint8Array(12 + data.length), view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

async function compressed(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Return a PNG of the label map {labels, width, height} without the classes in `hidden`. */
export async function maskPng({labels, width, height}, hidden) {
  const shown = Uint8Array.from({length: 256}, (_, id) => hidden.has(id) ? 0 : id);
  const rows = new Uint8Array((width + 1) * height); // each row begins with its filter, 0 for none
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 1; x <= width; x++) rows[y * (width + 1) + x] = shown[labels[at++]];
  }
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint16(8, 0x0803); // 8 bits, palette
  const palette = Uint8Array.from({length: 256}, (_, id) => id).reduce((colours, id) => (colours.set(colourOf(id), 3 * id), colours), new Uint8Array(768));
  const chunks = [["IHDR", new Uint8Array(header.buffer)], ["PLTE", palette], ["IDAT", await compressed(rows)], ["IEND", new Uint8Array()]];
  return new Blob([SIGNATURE, ...chunks.map(([type, data]) => chunk(type, data))], {type: "image/png"});
}
