/** Photos as the browser decodes them. */

import {blank, fitted} from "./dom.js";

const QUALITY = .95; // of the JPEG that stands for a file which the service can't read

/** Return a canvas with the picture in `file`, upright, with a long side of at most `limit` pixels; null if the browser can't show it. */
export async function pictureOf(file, limit = Infinity) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return null;
  const canvas = blank(...fitted(bitmap.width, bitmap.height, limit));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** Return pictureOf() the file on white, as the service decodes it. */
export async function photoOf(file, limit) {
  const canvas = await pictureOf(file, limit);
  const pen = canvas?.getContext("2d");
  if (!pen) return null;
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Return `canvas` as a file. */
export async function encoded(canvas, type = "image/png", quality = undefined) {
  const blob = await new Promise(resolve => canvas.toBlob(resolve, type, quality));
  if (!blob) throw new Error(`This browser can't draw a picture of ${canvas.width} × ${canvas.height} pixels; choose a smaller one.`);
  return blob;
}

/** Return the photo in `file` as a JPEG that this browser makes; null if it can't show the file. */
export async function asJpeg(file) {
  const photo = await photoOf(file);
  return photo && new File([await encoded(photo, "image/jpeg", QUALITY)], file.name.replace(/(\.\w+)?$/, ".jpg"), {type: "image/jpeg"});
}
