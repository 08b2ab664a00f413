/** The picture on the screen: zoom, moving it, the crosshair, and the button that shows the photo alone. */

import {$} from "./dom.js";

const LARGEST_ZOOM = 8, STEP = 1.5;
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export const canvas = $("canvas");
const frame = $(".frame"), stage = $(".stage");
let zoom = 1;
let point = {x: 0, y: 0}; // the crosshair, in pixels of a picture of this size:
let size = {width: 0, height: 0};
let grip; // where a pointer holds the picture to move it
let onPoint, onLeave, onZoom, onCompare;

/** Call `pointed` with a pixel of the canvas, `left` when there is none, `zoomed` with each new zoom, `compared` after compares() has changed. */
export function start({pointed, left, zoomed, compared}) {
  [onPoint, onLeave, onZoom, onCompare] = [pointed, left, zoomed, compared];
  zoomTo(1);
}

/** Fit the frame to a new picture of this size, and show all of it. */
export function fit(width, height) {
  $("figure").style.setProperty("--ratio", width / height);
  point = {x: width >> 1, y: height >> 1};
  size = {width, height};
  zoomTo(1);
}

/** Keep the crosshair at its place in the picture when the canvas gets another size. */
export function rescale(width, height) {
  point = {x: Math.floor(point.x * width / size.width), y: Math.floor(point.y * height / size.height)};
  size = {width, height};
}

/** Zoom so that the place at `x`, `y` in the frame, by default its centre, stays there. */
function zoomTo(wanted, x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
  const next = Math.min(Math.max(wanted, 1), LARGEST_ZOOM), factor = next / zoom;
  const left = (frame.scrollLeft + x) * factor - x, top = (frame.scrollTop + y) * factor - y;
  zoom = next;
  stage.style.setProperty("--zoom", zoom);
  frame.classList.toggle("zoomed", zoom > 1);
  frame.scrollTo({left, top, behavior: "instant"});
  $("#zoom").textContent = `${Math.round(zoom * 100)} %`;
  // A button that is disabled would lose the focus of the keyboard.
  $("#smaller").ariaDisabled = $("#whole").ariaDisabled = zoom === 1;
  $("#larger").ariaDisabled = zoom === LARGEST_ZOOM;
  onZoom(zoom);
}

function move(x, y) {
  point = {x: Math.min(Math.max(x, 0), canvas.width - 1), y: Math.min(Math.max(y, 0), canvas.height - 1)};
  stage.style.setProperty("--x", `${(point.x + .5) / canvas.width * 100}%`);
  stage.style.setProperty("--y", `${(point.y + .5) / canvas.height * 100}%`);
  onPoint(point);
}

const moveTo = ({offsetX, offsetY}) =>
  move(Math.floor(offsetX / canvas.clientWidth * canvas.width), Math.floor(offsetY / canvas.clientHeight * canvas.height));

canvas.onpointerdown = event => {
  moveTo(event);
  if (event.pointerType !== "mouse" || event.button || zoom === 1) return; // fingers scroll the frame by themselves
  canvas.setPointerCapture(event.pointerId);
  grip = {x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop};
};
canvas.onpointermove = event => {
  if (!grip) return moveTo(event);
  frame.scrollTo({left: grip.x - event.clientX, top: grip.y - event.clientY, behavior: "instant"});
};
canvas.onlostpointercapture = () => grip = undefined;
canvas.onpointerleave = ({pointerType}) => pointerType === "touch" || canvas.matches(":focus-visible") || onLeave(); // a finger leaves after a tap
canvas.onblur = () => onLeave();
canvas.onfocus = () => canvas.matches(":focus-visible") && move(point.x, point.y);
canvas.ondblclick = event => zoomTo(zoom * 2, ...placeOf(event));

const placeOf = ({clientX, clientY}) => {
  const {left, top} = frame.getBoundingClientRect();
  return [clientX - left, clientY - top];
};
// Browsers send pinches of a touchpad as a turned wheel with Ctrl.
frame.addEventListener("wheel", event => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoomTo(zoom * 2 ** (-event.deltaY / 200), ...placeOf(event));
}, {passive: false});

// Two fingers on a screen. One finger scrolls the frame, as the browser does by itself.
let pinch; // {distance, zoom} at the beginning
const spread = ([one, other]) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
frame.addEventListener("touchstart", event => {
  if (event.touches.length !== 2) return;
  event.preventDefault();
  pinch = {distance: spread(event.touches), zoom};
}, {passive: false});
frame.addEventListener("touchmove", event => {
  if (!pinch || event.touches.length !== 2) return;
  event.preventDefault();
  const [one, other] = event.touches;
  const middle = {clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2};
  zoomTo(pinch.zoom * spread(event.touches) / pinch.distance, ...placeOf(middle));
}, {passive: false});
frame.ontouchend = frame.ontouchcancel = () => pinch = undefined;

const KEYS = {"+": () => zoomTo(zoom * STEP), "=": () => zoomTo(zoom * STEP), "-": () => zoomTo(zoom / STEP), "0": () => zoomTo(1)};
canvas.onkeydown = event => {
  if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in ARROWS || event.key in KEYS)) return; // those are the browser's
  event.preventDefault();
  if (event.key in KEYS) return KEYS[event.key]();
  const step = Math.ceil(Math.max(canvas.width, canvas.height) / (event.shiftKey ? 10 : 100));
  const [right, down] = ARROWS[event.key];
  move(point.x + right * step, point.y + down * step);
  $("#cross").scrollIntoView({block: "nearest", inline: "nearest", behavior: "instant"});
};
$("#larger").onclick = () => zoomTo(zoom * STEP);
$("#smaller").onclick = () => zoomTo(zoom / STEP);
$("#whole").onclick = () => zoomTo(1);

/** Return whether the photo alone is wanted. */
export const compares = () => $("#compare").ariaPressed === "true";

function compare(held) {
  if (held === compares()) return;
  $("#compare").ariaPressed = held;
  onCompare();
}

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
