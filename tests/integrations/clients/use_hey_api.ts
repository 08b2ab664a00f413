// Segments a photo with clients of @hey-api/openapi-ts, one for each body: arguments are the key, the photo and a folder.
// The folder gets the responses to a form, to JSON and to bytes: form.json, form.png, form.webp and so on.
import { readFileSync, writeFileSync } from "node:fs";
import * as bytes from "./bytes/index";
import { client as bytesClient } from "./bytes/client.gen";
import * as form from "./form/index";
import { client as formClient } from "./form/client.gen";
import * as json from "./json/index";
import { client as jsonClient } from "./json/client.gen";

const [key, path, out] = process.argv.slice(2) as [string, string, string];
const photo = new Blob([readFileSync(path)], { type: "image/jpeg" });
const text = readFileSync(path).toString("base64");
for (const client of [formClient, jsonClient, bytesClient]) {
  client.setConfig({ auth: key, throwOnError: true });
}

const ofObjects = {
  classes: "cat,dog", min_score: 0.25, min_area: 0.001, pieces: true, shapes: "polygons", tolerance: 2.5,
} as const;
const ofCutout = {
  query: { size: "original", edges: "model", look: "twice", alpha: "hard", background: "blur", blur: 0.0125, crop: true },
  headers: { Accept: "image/webp" },
} as const;

async function write(name: string, objects: unknown, mask: unknown, cutout: unknown): Promise<void> {
  writeFileSync(`${out}/${name}.json`, JSON.stringify(objects));
  writeFileSync(`${out}/${name}.png`, Buffer.from(await (mask as Blob).arrayBuffer()));
  writeFileSync(`${out}/${name}.webp`, Buffer.from(await (cutout as Blob).arrayBuffer()));
}

async function main(): Promise<void> {
  await write(
    "form",
    (await form.predictObjects({ body: { image: photo }, query: ofObjects })).data,
    (await form.predictMask({ body: { image: photo } })).data,
    (await form.predictCutout({ body: { image: photo }, ...ofCutout })).data,
  );
  await write(
    "json",
    (await json.predictObjects({ body: { image: text }, query: ofObjects })).data,
    (await json.predictMask({ body: { image: text } })).data,
    (await json.predictCutout({ body: { image: text }, ...ofCutout })).data,
  );
  await write(
    "bytes",
    (await bytes.predictObjects({ body: photo, query: ofObjects })).data,
    (await bytes.predictMask({ body: photo })).data,
    (await bytes.predictCutout({ body: photo, ...ofCutout })).data,
  );
}

void main();
