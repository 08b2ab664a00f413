/** The requests of the page: the key, errors, waiting while the service is busy, and the one answer for a photo. */

const INFER = "v2/models/max-image-segmenter/infer";
const JSON_LENGTH = "Inference-Header-Content-Length";
const PATIENCE = 300_000; // milliseconds that a request waits for a busy service
const RETRY = 5; // seconds between two attempts, if the response does not say

let key = ""; // for X-API-Key; not stored anywhere else

export const hasKey = () => key !== "";
export const useKey = text => key = text;

/** An error with a message for the user; `again` says whether another attempt can help. */
export class RequestError extends Error {
  constructor(message, {status, again = false} = {}) {
    super(message);
    Object.assign(this, {status, again});
  }
}

/** Resolve after some seconds; reject when `signal` is aborted. */
const pause = (seconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, seconds * 1000);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(signal.reason);
  }, {once: true});
});

async function attempt(path, signal, options) {
  // Header values are bytes, which JavaScript represents as Latin-1 characters.
  const own = key ? {"X-API-Key": String.fromCharCode(...new TextEncoder().encode(key))} : {};
  return fetch(path, {...options, headers: {...options.headers, ...own}, signal}).catch(() => {
    signal.throwIfAborted();
    throw new RequestError("The service can't be reached. Check that it is running and that you are online.", {again: true});
  });
}

async function errorOf(response) {
  const {message, error = message} = await response.json().catch(() => ({})); // a proxy may respond with HTML
  return new RequestError(error ?? `The service answered ${response.status} ${response.statusText}`,
    {status: response.status, again: response.status >= 500});
}

/** Return the response to a request, or throw a RequestError. While the service is busy, call `waiting` with the seconds until the next attempt. */
export async function ask(path, signal, {waiting = () => {}, ...options} = {}) {
  for (const end = Date.now() + PATIENCE;;) {
    const response = await attempt(path, signal, options);
    if (response.ok) return response;
    if (response.status !== 503 || Date.now() > end) throw await errorOf(response);
    const seconds = Number(response.headers.get("Retry-After")) || RETRY; // a proxy may send a date
    waiting(seconds);
    await pause(seconds, signal);
  }
}

/** Return the body of a request for the objects and the cut-out in `file`, in the Open Inference Protocol. */
function inferBody(file, edges) {
  const size = new DataView(new ArrayBuffer(4));
  size.setUint32(0, file.size, true);
  const head = new TextEncoder().encode(JSON.stringify({
    // A model that hides its logits rejects the default of `edges` if it is given.
    parameters: {size: "original", ...(edges === "photo" ? {} : {edges})},
    inputs: [{name: "image", datatype: "BYTES", shape: [1], parameters: {binary_data_size: file.size + size.byteLength}}],
    outputs: ["objects", "cutout"].map(name => ({name, parameters: {binary_data: true}})),
  }));
  return {body: new Blob([head, size, file]), headers: {[JSON_LENGTH]: head.length, "Content-Type": "application/octet-stream"}};
}

/** Return all that the views of a photo need: {body, the JSON of output=objects; cutout, a PNG}. */
export async function segment(file, edges, signal, waiting) {
  const response = await ask(INFER, signal, {method: "POST", ...inferBody(file, edges), waiting});
  const content = await response.blob();
  let at = Number(response.headers.get(JSON_LENGTH));
  const tensors = {};
  for (const {name, parameters} of JSON.parse(await content.slice(0, at).text()).outputs) {
    const end = at + parameters.binary_data_size;
    tensors[name] = content.slice(at + 4, end, "image/png"); // 4 bytes of the length, in front of the content
    at = end;
  }
  return {body: JSON.parse(await tensors.objects.text()), cutout: tensors.cutout};
}
