// Segments a photo with openapi-fetch and the types of openapi-typescript: arguments are the URL, the key, the photo and
// a folder. The folder gets the responses to a form, to JSON and to bytes: form.json, form.png, form.webp and so on.
import { readFileSync, writeFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { paths } from "./schema";

const [url, key, path, out] = process.argv.slice(2) as [string, string, string, string];
const photo = new Blob([readFileSync(path)], { type: "image/jpeg" });
const text = readFileSync(path).toString("base64");
const client = createClient<paths>({ baseUrl: url, headers: { "X-API-Key": key } });

// openapi-typescript has the type string for files.
const file = photo as unknown as string;
const bodies = {
  form: {
    body: { image: file },
    bodySerializer: () => {
      const form = new FormData();
      form.append("image", photo);
      return form;
    },
  },
  json: { body: { image: text } },
  bytes: { body: file, bodySerializer: () => photo },
};

function found<T>(response: { data?: T; error?: unknown }): T {
  if (response.data === undefined) throw new Error(JSON.stringify(response.error));
  return response.data;
}

async function main(): Promise<void> {
  for (const [name, body] of Object.entries(bodies)) {
    const headers: Record<string, string> = name === "bytes" ? { "Content-Type": "application/octet-stream" } : {};
    const objects = await client.POST("/model/predict/objects", {
      params: {
        query: {
          classes: "cat,dog", min_score: 0.25, min_area: 0.001, pieces: true, shapes: "polygons", tolerance: 2.5,
        },
      },
      headers,
      ...body,
    });
    writeFileSync(`${out}/${name}.json`, JSON.stringify(found(objects)));
    const mask = await client.POST("/model/predict/mask", { headers, parseAs: "arrayBuffer", ...body });
    writeFileSync(`${out}/${name}.png`, Buffer.from(found(mask)));
    const cutout = await client.POST("/model/predict/cutout", {
      params: {
        query: { size: "original", edges: "model", look: "twice", alpha: "hard", background: "blur", blur: 0.0125, crop: true },
      },
      headers: { ...headers, Accept: "image/webp" },
      parseAs: "arrayBuffer",
      ...body,
    });
    writeFileSync(`${out}/${name}.webp`, Buffer.from(found(cutout)));
  }
}

void main();
