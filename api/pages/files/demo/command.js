/** The curl command that gets a result without this page. */

import {hasKey} from "./api.js";
import {BACKGROUND} from "./classes.js";
import {$} from "./dom.js";
import {VIEWS} from "./views.js";

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;
const PARAMETERS = {
  outlines: () => ({shapes: "polygons"}),
  cutout: ({soft, background}) => ({...(soft ? {} : {alpha: "hard"}), ...(["transparent", "picture"].includes(background) ? {} : {background})}),
};

/** Return the query of POST /model/predict for a view of `item`. */
function queryOf({result, edges, hidden}, view, settings) {
  const parameters = {output: VIEWS[view], size: "original", ...PARAMETERS[view]?.(settings)};
  if ((result?.edges ?? edges) !== "photo") parameters.edges = "model";
  // An empty list would select all classes.
  if (hidden.size) parameters.classes = result.body.objects.filter(({id}) => !hidden.has(id)).map(({id}) => id).join() || BACKGROUND;
  return Object.entries(parameters).map(parameter => parameter.join("=")).join("&").replace("#", "%23");
}

/** Show the command for a view of `item`. A file that only the browser can read has none. */
export function showCommand(item, view, settings) {
  $(".command").hidden = Boolean(item.result?.converted);
  const {name} = item.file;
  $("#curl").textContent = [
    "curl",
    ...(hasKey() ? ['-H "X-API-Key: $API_KEY"'] : []),
    // curl interprets some characters of an unquoted file name.
    `-F ${quoted(`image=@${/[",;\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name}`)}`,
    ...(VIEWS[view] === "objects" ? [] : [`-o ${quoted(`${stem(name)}-${view}.png`)}`]),
    quoted(new URL(`model/predict?${queryOf(item, view, settings)}`, location).href),
  ].join(" ");
}

/** Return a file's name without its ending. */
export const stem = name => name.replace(/\.\w+$/, "");

$("#copy").hidden = !navigator.clipboard; // browsers allow it only over HTTPS or from localhost
$("#copy").onclick = async () => {
  await navigator.clipboard.writeText($("#curl").textContent);
  $("#copy").textContent = "Copied";
  setTimeout(() => $("#copy").textContent = "Copy", 2000);
};
