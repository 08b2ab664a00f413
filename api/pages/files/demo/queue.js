/** The opened files, which are segmented one after the other. */

import {segment} from "./api.js";
import * as classes from "./classes.js";
import {sentence} from "./dom.js";
import {asJpeg} from "./photo.js";

/** Each file: {file, edges, hidden, status, waiting, request, result}; `result` is {body, cutout, edges, converted}. */
export const items = [];

let working = false, changed, preferred;

/** Call `onChange` with an item whose status changes; `first` returns the item that is segmented before others. */
export function start({onChange, first}) {
  [changed, preferred] = [onChange, first];
}

/** Add files to the queue, and return their items. */
export function add(files, edges) {
  const added = Array.from(files, file => ({file, edges, hidden: new Set()}));
  items.push(...added);
  return added;
}

/** Segment `item` when its turn comes. */
export function enqueue(item) {
  item.request?.abort();
  item.waiting = true;
  setStatus(item, {text: "Waiting for the pictures before it …", note: "waiting", busy: true});
  work();
}

async function work() {
  if (working) return;
  working = true;
  for (let item; item = preferred()?.waiting ? preferred() : items.find(({waiting}) => waiting);) await process(item);
  working = false;
}

/** Set the status of `item`: {text, note, busy} or {error, note, retry}; the short `note` is for the list of files. */
function setStatus(item, status) {
  item.status = status;
  changed(item);
}

async function process(item) {
  const {file, edges} = item;
  const {signal} = item.request = new AbortController();
  item.waiting = false;
  const looking = () => setStatus(item, {text: "Looking at it …", note: "working", busy: true});
  const waiting = seconds => {
    setStatus(item, {text: `The service is busy. The next attempt is in ${seconds} s.`, note: "waiting for the service", busy: true});
  };
  looking();
  try {
    const began = performance.now();
    await classes.load(signal, waiting);
    item.result = {...await answer(file, edges, signal, waiting), edges};
    const seconds = ((performance.now() - began) / 1000).toFixed(2);
    const names = item.result.body.objects.map(classes.nameOf);
    setStatus(item, {text: `Found ${found(names)} in ${seconds} s.${converted(item)}`, note: names.join(", ") || "nothing"});
  } catch (error) {
    if (!signal.aborted) setStatus(item, {error, retry: () => enqueue(item), note: error.message});
  }
}

const found = names => names.length ? sentence(names) : `nothing that it knows (${classes.names().join(", ")})`;
const converted = ({result}) => result.converted ? " The service can't read such a file; it got a JPEG that this browser made." : "";

/** Return the result for `file`. One that the service can't read, but this browser, is sent as a JPEG. */
async function answer(file, edges, signal, waiting) {
  try {
    return await segment(file, edges, signal, waiting);
  } catch (error) {
    const jpeg = error.status === 415 && await asJpeg(file).catch(() => null); // it can be too large for a canvas
    if (!jpeg) throw error;
    return {...await segment(jpeg, edges, signal, waiting), converted: true};
  }
}
