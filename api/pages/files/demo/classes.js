/** The classes that the service knows: their names, the names that people say, and their colours. */

import {ask} from "./api.js";
import {$} from "./dom.js";

export const BACKGROUND = 0;
let known; // by id: {id, name, synonyms, color}

/** Return the name of a class as people write it: "dining table" for diningtable. */
const spelled = ({name, synonyms = []}) => synonyms.find(other => other.replaceAll(" ", "") === name.toLowerCase()) ?? name;

/** Load the classes, and list them on the page; `waiting` is that of ask(). */
export async function load(signal, waiting) {
  if (known) return;
  known = await (await ask("model/labels", signal, {waiting})).json();
  $("#known ul").replaceChildren(...known.slice(1).map(entry => {
    const row = document.createElement("li");
    const swatch = Object.assign(document.createElement("span"), {className: "colour"});
    swatch.style.background = entry.color;
    const name = document.createElement("span");
    name.append(spelled(entry));
    const other = entry.synonyms?.find(synonym => synonym.replaceAll(" ", "") !== entry.name.toLowerCase());
    if (other) name.append(Object.assign(document.createElement("small"), {textContent: ` or ${other}`}));
    row.append(swatch, name);
    return row;
  }));
  $("#known span").textContent = known.length - 1;
  $("#known").hidden = false;
}

export const names = () => known.slice(1).map(spelled);
export const nameOf = ({id, label}) => known[id] ? spelled(known[id]) : label;

/** Return the colour of a class in masks: [red, green, blue]. */
export function colourOf(id) {
  const value = parseInt(known[id]?.color.slice(1) ?? "0", 16);
  return [value >> 16, value >> 8 & 255, value & 255];
}
