/** What the views of a result consist of. Each layer is drawn when a view needs it first. */

import {blurredBackground} from "./background.js";
import {BACKGROUND, colourOf} from "./classes.js";
import {blank} from "./dom.js";
import {nearest} from "./label_map.js";

// These loops over all pixels take most of the time: they write four bytes at once.
const packed = rgba => new Uint32Array(Uint8Array.from(rgba).buffer)[0];
const WHITE = packed([255, 255, 255, 255]);

/** Return a canvas whose pixels `fill` has written: an Uint32Array, row by row. */
function painted({width, height}, fill) {
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  const canvas = blank(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Return a value for each class id: `value` of those that are visible, 0 for others and for the background. */
const table = (hidden, value) => Uint32Array.from({length: 256}, (_, id) => id === BACKGROUND || hidden.has(id) ? 0 : value(id));

export class Layers {
  #map; #photo; #cutout; #hidden; #made = {};

  /** `map` is that of labelMap(); `photo` and `cutout` are canvases of its size, or null; `hidden` has class ids. */
  constructor(map, photo, cutout, hidden) {
    [this.#map, this.#photo, this.#cutout, this.#hidden] = [map, photo, cutout, hidden];
  }

  /** The same result with other hidden classes. */
  without(hidden) {
    return new Layers(this.#map, this.#photo, this.#cutout, hidden);
  }

  /** Return the class id at a pixel. */
  classAt(x, y) {
    return this.#map.labels[y * this.width + x];
  }

  get width() { return this.#map.width; }
  get height() { return this.#map.height; }
  get photo() { return this.#photo; }
  get line() { return Math.max(1, Math.round(Math.max(this.width, this.height) / 600)); }

  /** The colours of the classes. */
  get colours() {
    return this.#made.colours ??= painted(this, pixels => {
      const rgba = table(this.#hidden, id => packed([...colourOf(id), 255]));
      this.#map.labels.forEach((id, at) => pixels[at] = rgba[id]);
    });
  }

  /** The colours of the classes, each with a white outline: some of VOC's colours are nearly black. */
  get tint() {
    return this.#made.tint ??= painted(this, pixels => {
      const {width, height, line} = this, {labels} = this.#map;
      const shown = table(this.#hidden, id => id), rgba = table(this.#hidden, id => packed([...colourOf(id), 255]));
      for (let y = 0, at = 0; y < height; y++) {
        for (let x = 0; x < width; x++, at++) {
          const id = shown[labels[at]];
          const right = x + line < width ? shown[labels[at + line]] : id, below = y + line < height ? shown[labels[at + line * width]] : id;
          pixels[at] = id === right && id === below ? rgba[id] : WHITE;
        }
      }
    });
  }

  /** The outlines of the classes, in their colours between white lines. */
  get outlines() {
    return this.#made.outlines ??= painted(this, pixels => {
      const {width, height, line} = this, {labels} = this.#map;
      const shown = table(this.#hidden, id => id), rgba = table(this.#hidden, id => packed([...colourOf(id), 255]));
      for (let y = 0, at = 0; y < height; y++) {
        for (let x = 0; x < width; x++, at++) {
          const id = shown[labels[at]];
          // The class beyond an edge within `reach` pixels, the larger id of both; 0 if there is no edge.
          const edge = reach => {
            const others = [
              x >= reach ? shown[labels[at - reach]] : id, x + reach < width ? shown[labels[at + reach]] : id,
              y >= reach ? shown[labels[at - reach * width]] : id, y + reach < height ? shown[labels[at + reach * width]] : id,
            ];
            for (const other of others) if (other !== id) return Math.max(id, other);
            return 0;
          };
          pixels[at] = rgba[edge(line)] || (edge(2 * line) && WHITE);
        }
      }
    });
  }

  /** The objects of the visible classes on a transparent background; their edges are `soft` or those of the labels. */
  object(soft) {
    return this.#made[soft ? "soft" : "hard"] ??= this.#drawObject(soft);
  }

  #drawObject(soft) {
    const canvas = blank(this.width, this.height), pen = canvas.getContext("2d");
    pen.drawImage(soft ? this.#cutout : this.#photo ?? this.#cutout, 0, 0, this.width, this.height);
    pen.globalCompositeOperation = "destination-in";
    if (!soft) pen.drawImage(this.#mask(this.#map.labels), 0, 0);
    // A soft edge belongs to the nearest object.
    else if (this.#hidden.size) pen.drawImage(this.#mask(nearest(this.#map)), 0, 0);
    return canvas;
  }

  #mask(labels) {
    const opaque = table(this.#hidden, () => WHITE);
    return painted(this, pixels => labels.forEach((id, at) => pixels[at] = opaque[id]));
  }

  /** The blurred background of the photo behind object(). */
  blurred(soft) {
    return this.#made[soft ? "softBlur" : "hardBlur"] ??= blurredBackground(this.#photo, this.object(soft));
  }
}
