/** Small helpers of the page's modules. */

export const $ = selector => document.querySelector(selector);

/** Return `fraction` in percent, with two significant digits. */
export const percent = fraction => fraction.toLocaleString("en", {style: "percent", maximumSignificantDigits: 2});

/** Return the words as a list in a sentence. */
export const sentence = words => new Intl.ListFormat("en").format(words);

/** Return a new canvas of this size. */
export const blank = (width, height) => Object.assign(document.createElement("canvas"), {width, height});

/** Return the sides of the largest picture with these proportions whose long side has at most `limit` pixels. */
export function fitted(width, height, limit) {
  const scale = Math.min(1, limit / Math.max(width, height));
  return [width, height].map(side => Math.max(1, Math.round(side * scale)));
}

/** Let the user save `blob` as a file. */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
