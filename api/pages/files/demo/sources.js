/** Where photos come from: the file chooser, the camera, the samples, the clipboard, and files that are dropped. */

import {ask} from "./api.js";
import {$} from "./dom.js";
import {run} from "./messages.js";

/** Call `open` with the files that the user chooses. */
export function start(open) {
  for (const input of [$("#file"), $("#camera")]) input.onchange = () => {
    if (input.files.length) open(input.files);
    input.value = ""; // lets the user choose the same files again
  };
  for (const button of document.querySelectorAll(".samples button")) {
    button.onclick = () => run("Fetching the photo …", async signal => {
      const blob = await (await ask(button.value, signal)).blob();
      signal.throwIfAborted();
      open([new File([blob], button.value.replace("demo/", ""), {type: blob.type})]);
    });
  }
  document.onpaste = event => event.clipboardData.files.length && open(event.clipboardData.files);
  document.ondragover = event => {
    event.preventDefault(); // by default the browser would open the file in place of this page
    document.body.classList.add("dragging");
  };
  document.ondragleave = event => event.relatedTarget ?? document.body.classList.remove("dragging");
  document.ondrop = event => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    if (event.dataTransfer.files.length) open(event.dataTransfer.files);
  };
}
