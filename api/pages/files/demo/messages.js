/** The actions of the page, one at a time, and the message that tells of them. */

import {hasKey} from "./api.js";
import {$} from "./dom.js";

let running = new AbortController(), retry;

/** Hide `part`, or show it; the focus of the keyboard moves from a part that disappears to the message. */
function toggle(part, shown) {
  if (!shown && part.contains(document.activeElement)) $("#message").focus();
  part.hidden = !shown;
}

/** Show a status: {text, busy} or {error, retry}. */
export function say({text, busy = false, error, retry: next}) {
  const wantsKey = error?.status === 401;
  $("#message").textContent = wantsKey ? keyText() : error?.message ?? text;
  $("#message").classList.toggle("wrong", Boolean(error) && !wantsKey);
  toggle($("#again"), error?.again);
  toggle($("#key"), wantsKey);
  $("main").ariaBusy = busy;
  retry = next;
}

const keyText = () => hasKey()
  ? "The service does not know this key. Please check it, or ask its operator."
  : "This service is for people who have its key. Please enter it; its operator can give you one.";

/** Run the asynchronous `action` after aborting the previous one; show its progress, then the status it returns or its error. */
export async function run(text, action) {
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

/** Run the action that failed again. */
export const again = () => retry();
