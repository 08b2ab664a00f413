/** The views of a result: the same drawing on the screen and in files. */

import {Layers} from "./layers.js";
import {labelMap} from "./label_map.js";
import {photoOf, pictureOf} from "./photo.js";
import {blank} from "./dom.js";

/** The views, with the value of `output` by which the service draws each of them. */
export const VIEWS = {overlay: "overlay", cutout: "cutout", outlines: "objects", mask: "mask"};
/** The views that need a photo which the browser can show. */
export const ON_PHOTO = ["overlay", "outlines"];

const DRAW = {
  overlay(pen, layers, {opacity}) {
    pen.drawImage(layers.photo, 0, 0, layers.width, layers.height);
    pen.globalAlpha = opacity;
    pen.drawImage(layers.tint, 0, 0);
  },
  outlines(pen, layers) {
    pen.drawImage(layers.photo, 0, 0, layers.width, layers.height);
    pen.drawImage(layers.outlines, 0, 0);
  },
  mask(pen, layers) {
    pen.fillRect(0, 0, layers.width, layers.height);
    pen.drawImage(layers.colours, 0, 0);
  },
  cutout(pen, layers, {background, picture, soft}) {
    pen.imageSmoothingQuality = "high";
    if (background === "blur") {
      if (layers.photo) pen.drawImage(layers.blurred(soft), 0, 0, layers.width, layers.height);
    } else if (background === "picture") {
      if (picture) drawCovering(pen, picture, layers);
    } else if (background !== "transparent") {
      pen.fillStyle = background;
      pen.fillRect(0, 0, layers.width, layers.height);
    }
    pen.drawImage(layers.object(soft), 0, 0);
  },
};

/** Draw `picture` so that it covers the size of `layers`, and is cropped alike on both sides, as CSS's object-fit: cover. */
function drawCovering(pen, picture, {width, height}) {
  const scale = Math.max(width / picture.width, height / picture.height), right = picture.width * scale, down = picture.height * scale;
  pen.drawImage(picture, (width - right) / 2, (height - down) / 2, right, down);
}

/** Draw a view of `layers` on `canvas`, which gets their size. `settings` are those of panel.js. */
export function draw(canvas, view, layers, settings) {
  [canvas.width, canvas.height] = [layers.width, layers.height];
  DRAW[view](canvas.getContext("2d"), layers, settings);
}

/** Return the layers of the result of `file` with a long side of at most `limit` pixels; see Layers. */
export async function layersOf({file, result, hidden}, limit) {
  const map = labelMap(result.body, limit);
  const [photo, cutout] = await Promise.all([photoOf(file, limit), pictureOf(result.cutout, limit)]);
  return new Layers(map, photo, cutout, hidden);
}

/** Return a canvas of the size of `layers` with a view of them. */
export function drawn(view, layers, settings) {
  const canvas = blank(1, 1);
  draw(canvas, view, layers, settings);
  return canvas;
}
