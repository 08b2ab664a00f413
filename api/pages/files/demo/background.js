/** The blurred background of a cut-out, without a glow of the object. */

import {blank, fitted} from "./dom.js";

const SIDE = 512, BLURRED_SIDE = 32; // long sides in pixels: of the picture that is blurred, and at its smallest
const PURITY = 3; // blended pixels at the edges of the object count little: as in core/output/matting.py
const OPAQUE = 8; // times that a translucent picture is drawn over itself to be opaque

function resized(source, width, height) {
  const canvas = blank(width, height), pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, width, height);
  return canvas;
}

const halved = ({width, height}) => [width, height].map(side => Math.max(1, Math.round(side / 2)));

/** Return the photo without the object, at half the size again and again, the smallest one last. */
function pyramid(photo, object) {
  let level = resized(photo, ...fitted(photo.width, photo.height, SIDE));
  const pen = level.getContext("2d");
  pen.globalCompositeOperation = "destination-out";
  for (let time = 0; time < PURITY; time++) pen.drawImage(object, 0, 0, level.width, level.height);
  const levels = [level];
  while (level.width > 1 || level.height > 1) levels.push(level = resized(level, ...halved(level)));
  return levels;
}

/**
 * Return a canvas with the blurred background of `photo`; the hole of the `object` has the colours around it.
 *
 * Canvas colours are multiplied by their opacity. So smaller sizes hold means of the background alone, weighted by its
 * share; drawing one over itself divides by that share. Each hole shows the smaller size below it.
 */
export function blurredBackground(photo, object) {
  const levels = pyramid(photo, object);
  let result = blank(1, 1);
  for (const level of levels.slice().reverse()) {
    result = resized(result, level.width, level.height); // in steps of two: smooth, without a grid
    if (Math.max(level.width, level.height) > BLURRED_SIDE) continue;
    const pen = result.getContext("2d");
    for (let time = 0; time < OPAQUE; time++) pen.drawImage(level, 0, 0);
  }
  return result;
}
