/** The checksum of PNG and ZIP files. */

const TABLE = Uint32Array.from({length: 256}, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ 0xedb88320 : value >>> 1;
  return value;
});

/** Return the CRC-32 of `bytes` (ISO 3309). */
export function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = crc >>> 8 ^ TABLE[(crc ^ byte) & 255];
  return ~crc >>> 0;
}
