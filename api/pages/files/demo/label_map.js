/** Label maps: from run lengths, and of the nearest objects. */

import {fitted} from "./dom.js";

/** Return the run lengths in `text`, the inverse of compressed() in core/output/run_length.py. */
function runLengths(text) {
  const counts = [];
  let value = 0, shift = 0;
  for (const character of text) {
    const group = character.charCodeAt() - 48;
    value |= (group & 0x1f) << shift;
    shift += 5;
    if (group & 0x20) continue;
    if (group & 0x10 && shift < 32) value |= -1 << shift; // sign bits
    if (counts.length > 2) value += counts.at(-2);
    counts.push(value);
    value = shift = 0;
  }
  return counts;
}

/** Return the class id of each pixel, row by row, with a long side of at most `limit` pixels: {labels, width, height}. */
export function labelMap({objects, image_size: [fullWidth, fullHeight]}, limit) {
  const columns = new Uint8Array(fullWidth * fullHeight); // COCO's runs are in column-major order
  for (const {id, rle} of objects) {
    let at = 0;
    runLengths(rle.counts).forEach((count, index) => {
      if (index % 2) columns.fill(id, at, at + count);
      at += count;
    });
  }
  const [width, height] = fitted(fullWidth, fullHeight, limit);
  const labels = new Uint8Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const fullY = Math.floor((y + .5) * fullHeight / height);
    for (let x = 0; x < width; x++) labels[at++] = columns[Math.floor((x + .5) * fullWidth / width) * fullHeight + fullY];
  }
  return {labels, width, height};
}

/** Return the class id of the object that is nearest to each pixel, by steps to the four neighbours. */
export function nearest({labels, width, height}) {
  const found = labels.slice();
  const steps = Uint16Array.from(labels, id => id ? 0 : 65_000);
  const relax = (at, from) => {
    if (steps[from] + 1 >= steps[at]) return;
    steps[at] = steps[from] + 1;
    found[at] = found[from];
  };
  for (let at = 0; at < found.length; at++) {
    if (at % width) relax(at, at - 1);
    if (at >= width) relax(at, at - width);
  }
  for (let at = found.length - 1; at >= 0; at--) {
    if ((at + 1) % width) relax(at, at + 1);
    if (at + width < found.length) relax(at, at + width);
  }
  return found;
}
