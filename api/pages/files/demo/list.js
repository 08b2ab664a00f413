/** The list of the opened files. */

import {$} from "./dom.js";

const SIDE = 96; // pixels of a small picture
export const SMALL = 4 * SIDE; // the long side from which it is cropped: even a panorama is then sharp

/** Add a row for `item`; `open` is called when the user chooses it. */
export function addRow(item, open) {
  const row = document.createElement("li");
  row.innerHTML = '<button type="button"><canvas aria-hidden="true"></canvas><span></span><small></small></button>';
  item.button = row.firstChild;
  item.button.children[1].textContent = item.file.name;
  item.button.onclick = open;
  $("#files").append(row);
  $("#files").hidden = $("#files").children.length === 1;
}

/** Show the state of `item`; after a failure, the reason. */
export function showStatus({button, status}) {
  button.lastChild.textContent = status.error ? `failed: ${status.note}` : status.note;
  button.classList.toggle("wrong", Boolean(status.error));
}

/** Show `photo`, a canvas, as the small picture of `item`. */
export function showSmall({button}, photo) {
  const small = button.firstChild, side = Math.min(photo.width, photo.height);
  [small.width, small.height] = [SIDE, SIDE];
  small.getContext("2d").drawImage(photo, (photo.width - side) / 2, (photo.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
}

/** Mark `item` as the one on the screen. */
export function mark(item) {
  $("#files [aria-current]")?.removeAttribute("aria-current");
  item.button.ariaCurrent = true;
}
