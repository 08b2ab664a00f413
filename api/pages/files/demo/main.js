/** The page at /demo: what is on the screen, and what the user does. */

import {useKey} from "./api.js";
import * as classes from "./classes.js";
import {showCommand} from "./command.js";
import {$, save} from "./dom.js";
import * as files from "./files.js";
import * as list from "./list.js";
import {again, run, say} from "./messages.js";
import * as panel from "./panel.js";
import {photoOf, pictureOf} from "./photo.js";
import * as picture from "./picture.js";
import * as queue from "./queue.js";
import * as sources from "./sources.js";
import {draw, layersOf} from "./views.js";

// Long sides of the canvas in pixels: more than most screens show, and few enough to draw while a slider moves; and after a zoom.
const LONG_SIDE = 1600, SHARP_SIDE = 4096;

let shown; // the item on the screen
let photo; // its photo, a canvas; null if the browser can't show it
let layers; // of its result
let side = LONG_SIDE;

function shownStatus() {
  const {status, result} = shown;
  return photo || !result ? status : {...status, text: `${status.text} This browser can't show such a file; these are the classes alone.`};
}

/** Open files: add them to the queue, and show the first of them. */
function open(chosen) {
  const added = queue.add(chosen, $("#edges").value);
  for (const item of added) {
    list.addRow(item, () => show(item));
    queue.enqueue(item);
  }
  show(added[0]);
}

// ---- The item on the screen

/** Show `item`: its photo, and its result if there is one. */
const show = item => run("Opening the picture …", async signal => {
  const opened = await photoOf(item.file, LONG_SIDE);
  signal.throwIfAborted();
  [shown, photo, layers, side] = [item, opened, undefined, LONG_SIDE];
  list.mark(item);
  if (photo) list.showSmall(item, photo);
  $("#edges").value = item.edges;
  if (!document.body.classList.contains("started")) $("#known").open = false;
  document.body.classList.add("started");
  panel.showPointed();
  if (photo) picture.fit(photo.width, photo.height);
  await render();
  return shownStatus();
});

/** Show the small picture of an item that is not on the screen. */
async function showSmall(item) {
  const small = await photoOf(item.file, list.SMALL);
  if (small) list.showSmall(item, small);
}

/** Show the photo and the result of the item on the screen. */
async function render() {
  const item = shown, {result} = item;
  $("aside").hidden = $(".views").hidden = !result;
  $("figure").hidden = !result && !photo;
  panel.showSettings(Boolean(photo));
  if (result) {
    const made = await layersOf(item, side);
    if (item !== shown || result !== item.result) return;
    layers = made;
    if (!photo) picture.fit(layers.width, layers.height);
    $("#size").textContent = result.body.image_size.join(" × ");
    panel.showLegend(result.body.objects, item.hidden, classesChanged);
  }
  $("#compare").disabled = !result || !photo;
  redraw();
}

/** Draw the view that is chosen; the photo alone without a result, or while it is compared. */
function redraw() {
  const alone = !layers || picture.compares();
  const {width, height} = layers ?? photo ?? {};
  $(".command").hidden = true;
  if (!width) return;
  picture.rescale(width, height);
  if (alone) {
    [picture.canvas.width, picture.canvas.height] = [width, height];
    picture.canvas.getContext("2d").drawImage(photo, 0, 0, width, height);
  } else draw(picture.canvas, panel.view(), layers, panel.settings());
  const found = shown.result?.body.objects.map(classes.nameOf).join(", ") ?? "not segmented yet";
  picture.canvas.ariaLabel = `${shown.file.name}: ${found}`;
  if (layers) $("#save").disabled = !files.visible(shown).length;
  if (shown.result) showCommand(shown, panel.view(), panel.settings());
}

async function classesChanged() {
  layers = layers.without(shown.hidden);
  redraw();
}

queue.start({
  first: () => shown,
  async onChange(item) {
    list.showStatus(item);
    if (item !== shown) return item.result && showSmall(item);
    if (item.status.busy || item.status.error) return say(shownStatus());
    await run(item.status.text, async () => {
      await render();
      return shownStatus();
    });
  },
});

picture.start({
  pointed({x, y}) {
    if (!layers) return;
    const id = layers.classAt(x, y);
    panel.showPointed(shown.result.body.objects.find(object => object.id === id) ?? {id, label: "background", score: null});
  },
  left: () => panel.showPointed(),
  compared: redraw,
  zoomed(zoom) {
    if (zoom === 1 || side === SHARP_SIDE || !layers) return;
    side = SHARP_SIDE;
    if (Math.max(...shown.result.body.image_size) > LONG_SIDE) render();
  },
});

// ---- Events of the settings

for (const input of document.querySelectorAll("[name=view], #background, #fill, #alpha, #opacity")) {
  input.addEventListener("input", () => {
    panel.showSettings(Boolean(photo));
    redraw();
  });
}
$("#behind").onchange = () => run("Opening the background …", async signal => {
  const [file] = $("#behind").files, picture = file && await pictureOf(file, SHARP_SIDE);
  signal.throwIfAborted();
  $("#behind").value = ""; // lets the user choose the same file again
  if (picture === null) throw new Error("This browser can't show the chosen file; choose another background, for example a JPEG.");
  if (picture) panel.putBehind(picture);
  redraw();
  return shownStatus();
});
$("#edges").onchange = () => {
  shown.edges = $("#edges").value;
  queue.enqueue(shown);
};

// ---- Events: files

/** Save the file that `make` returns. */
const saving = (name, make) => run("Preparing the file …", async signal => {
  const file = name(), blob = await make(signal);
  signal.throwIfAborted();
  save(blob, file);
  return {text: `Saved as ${file}.`};
});

$("#save").onclick = () => saving(() => files.fileName(shown, panel.view()), () => files.viewFile(shown, panel.view(), panel.settings()));
$("#json").onclick = () => saving(() => files.fileName(shown, "objects"), () => files.objectsFile(shown));
$("#svg").onclick = () => saving(() => files.fileName(shown, "shapes"), () => files.svgFile(shown));
$("#all").onclick = () => saving(() => "segmented.zip", signal => {
  const finished = queue.items.filter(({result}) => result);
  return files.allFiles(finished, panel.settings(), signal, item => {
    say({text: `Preparing ${item.file.name}, ${finished.indexOf(item) + 1} of ${finished.length} …`, busy: true});
  });
});

$("#again").onclick = again;
$("#key").onsubmit = event => {
  event.preventDefault();
  useKey($("#secret").value);
  for (const item of queue.items) if (item !== shown && item.status.error?.status === 401) queue.enqueue(item);
  again();
};
sources.start(open);

run("", async signal => {
  await classes.load(signal, seconds => say({text: `The service is starting. The next attempt is in ${seconds} s.`, busy: true}));
  return {text: ""};
});
