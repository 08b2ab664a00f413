/** What is beside the picture: the classes found, and the settings of the views. */

import {colourOf, nameOf} from "./classes.js";
import {$, percent} from "./dom.js";
import {ON_PHOTO} from "./views.js";

export const scoreText = ({score}) => score === null ? [] : [`score ${percent(score)}`]; // a model may hide its logits

/** Return the view that is chosen. */
export const view = () => $("[name=view]:checked").value;

let behind; // the picture behind a cut-out, a canvas

/** Use `picture`, a canvas, as the background of cut-outs. */
export const putBehind = picture => behind = picture;

/** Return the settings of the views; `background` is "transparent", "blur", "picture" or a colour. */
export const settings = () => ({
  opacity: $("#opacity").value / 100,
  background: $("#background").value || $("#fill").value,
  picture: behind,
  soft: $("#alpha").value === "soft",
});

/** Show the settings of the view that is chosen; without a photo, only the views and settings that need none. */
export function showSettings(hasPhoto = true) {
  for (const radio of document.querySelectorAll("[name=view]")) radio.disabled = !hasPhoto && ON_PHOTO.includes(radio.value);
  if ($("[name=view]:checked").disabled) $("[name=view][value=mask]").checked = true;
  $("#background [value=blur]").disabled = !hasPhoto;
  if (!hasPhoto && $("#background").value === "blur") $("#background").value = "transparent";
  for (const part of document.querySelectorAll("[data-view]")) part.hidden = part.dataset.view !== view();
  $("#fill").hidden = $("#background").value !== "";
  $("#behind").parentElement.hidden = $("#background").value !== "picture";
  $("#compare").disabled = !hasPhoto;
  $("#save").textContent = `Save ${{overlay: "overlay", cutout: "cut-out", outlines: "outlines", mask: "mask"}[view()]}`;
}

/** Show a switch for each of the objects; call `changed` after one is switched. */
export function showLegend(objects, hidden, changed) {
  $("#legend").replaceChildren(...objects.map(object => {
    const {id, fraction} = object, row = document.createElement("li");
    row.innerHTML = '<label><span class="colour"></span><span class="name"></span><span class="numbers"></span><input type="checkbox" role="switch" class="switch"></label>';
    const [swatch, name, numbers, toggle] = row.firstChild.children;
    row.firstChild.dataset.id = id;
    swatch.style.background = `rgb(${colourOf(id)})`;
    name.textContent = nameOf(object);
    numbers.textContent = [percent(fraction), ...scoreText(object)].join(", ");
    toggle.checked = !hidden.has(id);
    toggle.onchange = () => {
      hidden[toggle.checked ? "delete" : "add"](id);
      changed();
    };
    return row;
  }));
}

/** Show `object` as the class at the crosshair: there, below the picture and in the legend; nothing if it is undefined. */
export function showPointed(object) {
  const reading = object ? [nameOf(object), ...scoreText(object)].join(", ") : "";
  if ($("#reading").textContent !== reading) $("#reading").textContent = reading; // announces changes only
  $("#tip").textContent = object ? nameOf(object) : "";
  $("#tip").hidden = !object;
  for (const row of document.querySelectorAll("#legend label")) row.classList.toggle("pointed", row.dataset.id === String(object?.id));
}
