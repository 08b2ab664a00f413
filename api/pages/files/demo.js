"use strict";
const $ = selector => document.querySelector(selector);
const canvas = $("canvas"), pen = canvas.getContext("2d");
const LONG_SIDE = 1600; // of the canvas, in pixels: more than most screens show, and few enough to redraw while the slider moves
const BACKGROUND = 0;

const items = []; // the opened files: {file, edges, hidden, button, status, waiting, request, result}; see add()
let shown; // the item on the screen
let view; // of the item on the screen: {photo, labels, width, height, tint}; see show() and render()
let point; // the crosshair, in pixels of the canvas: {x, y}
let working = false; // whether work() runs
let key = ""; // for X-API-Key; not stored anywhere else
let running = new AbortController(), retry;

// ---- The API

/** Return the response to a request, or throw an Error with a message for the user, and `status` if there is a response. */
async function ask(path, signal, options) {
  // Header values are bytes, which JavaScript represents as Latin-1 characters.
  const headers = key ? {"X-API-Key": String.fromCharCode(...new TextEncoder().encode(key))} : {};
  const response = await fetch(path, {...options, headers, signal}).catch(() => {
    signal.throwIfAborted();
    throw Object.assign(new Error("The service can't be reached. Check that it is running and that you are online."), {again: true});
  });
  if (response.ok) return response;
  const {message} = await response.json().catch(() => ({})); // a proxy may respond with HTML
  const wait = response.headers.get("Retry-After");
  throw Object.assign(
    new Error((message ?? `The service answered ${response.status} ${response.statusText}`) + (wait ? ` (in ${wait} s)` : "")),
    {status: response.status, again: response.status >= 500},
  );
}

/** Return the response of POST /model/predict for `file`. */
function predict(file, query, signal) {
  const body = new FormData();
  body.append("image", file);
  return ask(`model/predict?${query}`, signal, {method: "POST", body});
}

/** Return the query for an output at the size of the photo; without `objects`, of all classes. */
function queryOf(output, edges, objects) {
  const parameters = {output, size: "original"};
  if (edges !== "photo") parameters.edges = edges; // a model that hides its logits rejects the default if it is given
  if (objects) parameters.classes = objects.map(({id}) => id).join() || BACKGROUND; // an empty list would select all
  if (output === "cutout") Object.assign(parameters, {alpha: $("#alpha").value, background: $("#background").value || $("#fill").value});
  return Object.entries(parameters).map(parameter => parameter.join("=")).join("&").replace("#", "%23");
}

/** Return the query for an output of the item on the screen, of its visible classes. */
const shownQuery = output => queryOf(output, shown.result?.edges ?? shown.edges, shown.hidden.size ? visible() : undefined);

/** Return the objects of the classes that are switched on. */
const visible = () => shown.result.body.objects.filter(({id}) => !shown.hidden.has(id));

/** Show the curl command for an output of the item on the screen. */
function showCommand(output) {
  const {name} = shown.file;
  const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;
  $("#curl").textContent = [
    "curl",
    ...(key ? ['-H "X-API-Key: $API_KEY"'] : []),
    // curl interprets some characters of an unquoted file name.
    `-F ${quoted(`image=@${/[",;\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name}`)}`,
    ...(output === "objects" ? [] : [`-o ${quoted(savedName(output))}`]),
    quoted(new URL(`model/predict?${shownQuery(output)}`, location).href),
  ].join(" ");
  $(".command").hidden = false;
}

// ---- Actions and their messages

/** Show a status: {text, busy} or {error, retry}. */
function say({text, busy = false, error, retry: again}) {
  $("#message").textContent = error?.message ?? text;
  $("#message").classList.toggle("wrong", Boolean(error));
  $("#again").hidden = !error?.again;
  $("#key").hidden = error?.status !== 401;
  $("main").ariaBusy = busy;
  retry = again;
}

/** Run the asynchronous `action` after aborting the previous one; show its progress, then the status it returns or its error. */
async function run(text, action) {
  running.abort();
  const {signal} = running = new AbortController();
  say({text, busy: true});
  try {
    const status = await action(signal);
    if (!signal.aborted) say(status); // a newer action shows its own status
  } catch (error) {
    if (!signal.aborted) say({error, retry: () => run(text, action)});
  }
}

/** Add files to the queue, and show the first of them. */
function add(files) {
  const added = Array.from(files, file => {
    const row = document.createElement("li");
    row.innerHTML = '<button type="button"><span></span><span></span></button>';
    const item = {file, edges: $("#edges").value, hidden: new Set(), button: row.firstChild};
    item.button.firstChild.textContent = file.name;
    item.button.onclick = () => show(item);
    $("#files").append(row);
    items.push(item);
    enqueue(item);
    return item;
  });
  $("#files").hidden = items.length === 1;
  show(added[0]);
}

/** Segment `item` when its turn comes. */
function enqueue(item) {
  item.request?.abort();
  item.waiting = true;
  setStatus(item, {text: "Waiting for the pictures before it …", note: "waiting", busy: true});
  work();
}

/** Segment the waiting items one after the other, the one on the screen first. */
async function work() {
  if (working) return;
  working = true;
  for (let item; item = shown?.waiting ? shown : items.find(({waiting}) => waiting);) await segment(item);
  working = false;
}

/** Segment `item`; its status shows the result or the error. */
async function segment(item) {
  const {file, edges} = item;
  const {signal} = item.request = new AbortController();
  item.waiting = false;
  setStatus(item, {text: "Looking at it …", note: "working", busy: true});
  try {
    const began = performance.now();
    const body = await (await predict(file, queryOf("objects", edges), signal)).json();
    const seconds = ((performance.now() - began) / 1000).toFixed(2);
    const names = body.objects.map(({label}) => label);
    const text = `Found ${names.length ? new Intl.ListFormat("en").format(names) : await nothing(signal)} in ${seconds} s.`;
    item.result = {body, edges};
    if (item === shown) render();
    setStatus(item, {text, note: names.join(", ") || "nothing"});
  } catch (error) {
    if (!signal.aborted) setStatus(item, {error, retry: () => enqueue(item), note: "failed"});
  }
}

async function nothing(signal) {
  const labels = await (await ask("model/labels", signal)).json();
  return `nothing of what the model knows (${labels.slice(1).map(({name}) => name).join(", ")})`;
}

/** Set the status of `item`: one for say(), with a short `note` for the list of files. */
function setStatus(item, status) {
  item.status = status;
  item.button.lastChild.textContent = status.note;
  if (item === shown) say(shownStatus());
}

function shownStatus() {
  const {status, result} = shown;
  return view.photo || !result ? status : {...status, text: `${status.text} This browser can't show such a file; these are the classes alone.`};
}

/** Show `item`: its photo, and its result if there is one. */
const show = item => run("Opening the picture …", async signal => {
  const photo = await photoOf(item.file);
  signal.throwIfAborted();
  shown?.button.removeAttribute("aria-current");
  shown = item;
  shown.button.ariaCurrent = true;
  view = {photo, width: photo?.width, height: photo?.height};
  $("#edges").value = item.edges;
  document.body.classList.add("started");
  forget();
  render();
  point = {x: canvas.width >> 1, y: canvas.height >> 1};
  return shownStatus();
});

/** Download the result for `output` as it is on the screen. */
const download = output => run("Preparing the file …", async signal => {
  const name = savedName(output), blob = await contentOf(output, signal);
  signal.throwIfAborted();
  const link = Object.assign(document.createElement("a"), {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return {text: `Saved as ${name}.`};
});

const savedName = output => `${shown.file.name.replace(/\.\w+$/, "")}-${output}.${output === "objects" ? "json" : "png"}`;

async function contentOf(output, signal) {
  // The service knows neither the strength of the colours nor their outlines.
  if (output === "overlay" && view.photo) return overlay();
  showCommand(output);
  if (output === "objects") return new Blob([JSON.stringify({...shown.result.body, objects: visible()})]);
  return (await predict(shown.file, shownQuery(output), signal)).blob();
}

/** Return a PNG of what the canvas shows, at the size of the photo. */
async function overlay() {
  const {file, hidden, result: {body}} = shown, opacity = $("#opacity").value / 100;
  const canvas = await photoOf(file, Infinity);
  const pen = canvas.getContext("2d");
  pen.globalAlpha = opacity;
  pen.drawImage(tintOf(labelMap(body, Infinity), hidden), 0, 0);
  const blob = await new Promise(resolve => canvas.toBlob(resolve));
  if (!blob) throw new Error(`This browser can't draw a picture of ${$("#size").textContent} pixels; choose a smaller one.`);
  return blob;
}

// ---- Run-length decoding

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
function labelMap({objects, image_size: [fullWidth, fullHeight]}, limit) {
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

function fitted(width, height, limit) {
  const scale = Math.min(1, limit / Math.max(width, height));
  return [width, height].map(side => Math.max(1, Math.round(side * scale)));
}

// ---- Drawing

/** Return a canvas with the photo in `file`, upright and on white, as the API decodes it; null if the browser can't. Its long side is at most `limit` pixels. */
async function photoOf(file, limit = LONG_SIDE) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return null;
  const photo = document.createElement("canvas");
  [photo.width, photo.height] = fitted(bitmap.width, bitmap.height, limit);
  const brush = photo.getContext("2d");
  brush.fillStyle = "white";
  brush.fillRect(0, 0, photo.width, photo.height);
  brush.drawImage(bitmap, 0, 0, photo.width, photo.height);
  bitmap.close();
  return photo;
}

/** Return PASCAL VOC's colour of a class, [red, green, blue]: see palette() in core/output/render.py. */
function colour(id) {
  const channels = [0, 0, 0];
  for (let bit = 0; bit < 8; bit++) channels.forEach((_, c) => channels[c] |= (id >> (3 * bit + c) & 1) << (7 - bit));
  return channels;
}

/** Return a canvas with the colours of the classes that are not `hidden`, each with a white outline: some of VOC's colours are nearly black. */
function tintOf({labels, width, height}, hidden) {
  const shown = Uint8Array.from({length: 256}, (_, id) => hidden.has(id) ? BACKGROUND : id);
  // Writes four bytes at a time: this loop over all pixels takes most of the time.
  const packed = rgba => new Uint32Array(Uint8Array.from(rgba).buffer)[0];
  const white = packed([255, 255, 255, 255]);
  const rgba = Uint32Array.from(shown, id => id === BACKGROUND ? 0 : packed([...colour(id), 255]));
  const line = Math.max(1, Math.round(Math.max(width, height) / 600));
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const id = shown[labels[at]];
      const right = x + line < width ? shown[labels[at + line]] : id, below = y + line < height ? shown[labels[at + line * width]] : id;
      pixels[at] = id === right && id === below ? rgba[id] : white;
    }
  }
  const tint = Object.assign(document.createElement("canvas"), {width, height});
  tint.getContext("2d").putImageData(image, 0, 0);
  return tint;
}

/** Show the item on the screen: its photo, and its result if there is one. */
function render() {
  const {result} = shown, {photo} = view;
  $("aside").hidden = !result;
  $("figure").hidden = !result && !photo;
  $("#compare").disabled = $("#opacity").disabled = !result || !photo;
  if (result) {
    Object.assign(view, labelMap(result.body, LONG_SIDE));
    $("#size").textContent = result.body.image_size.join(" × ");
    showLegend();
    showClasses();
  } else if (photo) draw();
  showCommand("objects");
}

/** Show the classes that are switched on. */
function showClasses() {
  view.tint = tintOf(view, shown.hidden);
  for (const button of document.querySelectorAll(".downloads button:not([value=objects])")) button.disabled = !visible().length;
  draw();
}

/** Draw the photo, and the colours of the classes over it if they are known and the photo alone is not wanted. */
function draw() {
  const {photo, tint, width, height} = view;
  [canvas.width, canvas.height] = [width, height];
  $("figure").style.setProperty("--ratio", width / height);
  if (photo) pen.drawImage(photo, 0, 0, width, height);
  pen.globalAlpha = photo ? $("#opacity").value / 100 : 1;
  if (tint && $("#compare").ariaPressed === "false") pen.drawImage(tint, 0, 0);
  canvas.ariaLabel = `${shown.file.name}: ${shown.result?.body.objects.map(({label}) => label).join(", ") ?? "not segmented yet"}`;
}

/** Show the photo alone if `held` is true. */
function compare(held) {
  $("#compare").ariaPressed = held;
  draw();
}

/** Return `fraction` in percent, with two significant digits. */
const percent = fraction => fraction.toLocaleString("en", {style: "percent", maximumSignificantDigits: 2});
const scoreText = ({score}) => score === null ? [] : [`score ${percent(score)}`]; // a model may hide its logits

function showLegend() {
  $("#legend").replaceChildren(...shown.result.body.objects.map(object => {
    const {id, label, fraction} = object, {hidden} = shown;
    const row = document.createElement("li");
    row.innerHTML = '<label><span class="colour"></span><span class="name"></span><span class="numbers"></span><input type="checkbox" role="switch" class="switch"></label>';
    const [swatch, name, numbers, toggle] = row.firstChild.children;
    row.firstChild.dataset.id = id;
    swatch.style.background = `rgb(${colour(id)})`;
    name.textContent = label;
    numbers.textContent = [percent(fraction), ...scoreText(object)].join(", ");
    toggle.checked = !hidden.has(id);
    toggle.onchange = () => {
      hidden[toggle.checked ? "delete" : "add"](id);
      showClasses();
      showCommand("objects");
    };
    return row;
  }));
}

/** Move the crosshair to a pixel of the canvas, and show the class there: at the crosshair, below the picture and in the legend. */
function moveTo(x, y) {
  const {labels, width, height} = view;
  if (!labels) return;
  point = {x: Math.min(Math.max(x, 0), width - 1), y: Math.min(Math.max(y, 0), height - 1)};
  const id = labels[point.y * width + point.x];
  const object = shown.result.body.objects.find(object => object.id === id) ?? {label: "background", score: null};
  const reading = [object.label, ...scoreText(object)].join(", ");
  if ($("#reading").textContent !== reading) $("#reading").textContent = reading; // announces changes only
  $("#tip").textContent = object.label;
  $("#tip").hidden = false;
  $(".picture").style.setProperty("--x", `${(point.x + .5) / width * 100}%`);
  $(".picture").style.setProperty("--y", `${(point.y + .5) / height * 100}%`);
  for (const row of document.querySelectorAll("#legend label")) row.classList.toggle("pointed", row.dataset.id === String(id));
}

/** Stop showing the class at the crosshair. */
function forget() {
  $("#tip").hidden = true;
  $("#reading").textContent = "";
  $("#legend .pointed")?.classList.remove("pointed");
}

// ---- Events

canvas.onpointermove = canvas.onpointerdown = ({offsetX, offsetY}) =>
  moveTo(Math.floor(offsetX / canvas.clientWidth * canvas.width), Math.floor(offsetY / canvas.clientHeight * canvas.height));
canvas.onpointerleave = ({pointerType}) => pointerType === "touch" || canvas.matches(":focus-visible") || forget(); // a finger leaves after a tap
canvas.onblur = forget;
canvas.onfocus = () => canvas.matches(":focus-visible") && moveTo(point.x, point.y);
const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
canvas.onkeydown = event => {
  if (!(event.key in STEPS) || event.altKey || event.ctrlKey || event.metaKey) return; // Alt and an arrow: the browser's history
  event.preventDefault();
  const step = Math.ceil(Math.max(canvas.width, canvas.height) / (event.shiftKey ? 10 : 100));
  moveTo(...STEPS[event.key].map((direction, axis) => [point.x, point.y][axis] + direction * step));
};

$("#compare").onpointerdown = event => {
  event.target.setPointerCapture(event.pointerId);
  compare(true);
};
$("#compare").onkeydown = event => {
  if (event.key !== " " && event.key !== "Enter") return;
  event.preventDefault(); // by default Space scrolls the page
  compare(true);
};
$("#compare").onlostpointercapture = $("#compare").onkeyup = $("#compare").onblur = () => compare(false);

$("#opacity").oninput = draw;
$("#edges").onchange = () => {
  shown.edges = $("#edges").value;
  enqueue(shown);
};
$("#background").onchange = () => $("#fill").hidden = $("#background").value !== "";
$("#again").onclick = () => retry();
$("#key").onsubmit = event => {
  event.preventDefault();
  key = $("#secret").value;
  for (const item of items) if (item !== shown && item.status.error?.status === 401) enqueue(item);
  retry();
};
for (const input of [$("#file"), $("#camera")]) input.onchange = () => {
  if (input.files.length) add(input.files);
  input.value = ""; // lets the user choose the same files again
};
for (const button of document.querySelectorAll(".samples button")) {
  button.onclick = () => run("Fetching the photo …", async signal => {
    const blob = await (await ask(button.value, signal)).blob();
    signal.throwIfAborted();
    add([new File([blob], button.value.replace("demo/", ""), {type: blob.type})]);
  });
}
for (const button of document.querySelectorAll(".downloads button")) button.onclick = () => download(button.value);
$("#copy").hidden = !navigator.clipboard; // browsers allow it only over HTTPS or from localhost
$("#copy").onclick = async () => {
  await navigator.clipboard.writeText($("#curl").textContent);
  $("#copy").textContent = "Copied";
  setTimeout(() => $("#copy").textContent = "Copy", 2000);
};
document.onpaste = event => event.clipboardData.files.length && add(event.clipboardData.files);
document.ondragover = event => {
  event.preventDefault(); // by default the browser would open the file in place of this page
  document.body.classList.add("dragging");
};
document.ondragleave = event => event.relatedTarget ?? document.body.classList.remove("dragging");
document.ondrop = event => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  if (event.dataTransfer.files.length) add(event.dataTransfer.files);
};
