/** The files that the user can save, all made from the answer for a photo. */

import {colourOf} from "./classes.js";
import {stem} from "./command.js";
import {labelMap} from "./label_map.js";
import {maskPng} from "./mask_png.js";
import {encoded} from "./photo.js";
import {svgOf} from "./svg.js";
import {ON_PHOTO, VIEWS, drawn, layersOf} from "./views.js";
import {unique, zipped} from "./zip.js";

/** Return the objects of `item` whose classes are switched on. */
export const visible = ({result, hidden}) => result.body.objects.filter(({id}) => !hidden.has(id));

/** Return the JSON of output=objects with the visible classes. */
export const objectsFile = item => new Blob([JSON.stringify({...item.result.body, objects: visible(item)})], {type: "application/json"});

/** Return the outlines of the visible classes as an SVG. */
export const svgFile = item => svgOf(labelMap(item.result.body, Infinity), visible(item), colourOf);

/** Return a view of `item` as a PNG of the size of the photo; that of a mask has the class ids. `layers` are those of layersOf(). */
export async function viewFile(item, view, settings, layers) {
  if (view === "mask") return maskPng(labelMap(item.result.body, Infinity), item.hidden);
  return encoded(drawn(view, layers ?? await layersOf(item, Infinity), settings));
}

const SUFFIXES = {objects: "json", shapes: "svg"}; // of other kinds of files: png
export const fileName = (item, kind) => `${stem(item.file.name)}-${kind}.${SUFFIXES[kind] ?? "png"}`;

/** Return a ZIP file with all results of `items`; call `progress` with each item before it. */
export async function allFiles(items, settings, signal, progress) {
  const files = [], taken = new Set();
  for (const item of items) {
    progress(item);
    const name = unique(stem(item.file.name), taken), layers = await layersOf(item, Infinity);
    for (const view of Object.keys(VIEWS).filter(view => layers.photo || !ON_PHOTO.includes(view))) {
      signal.throwIfAborted();
      files.push([`${name}-${view}.png`, await viewFile(item, view, settings, layers)]);
    }
    files.push([`${name}-objects.json`, objectsFile(item)], [`${name}-shapes.svg`, svgFile(item)]);
  }
  return zipped(files);
}
