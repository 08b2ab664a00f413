/** The outlines of the classes as an SVG, like output=svg of the service. */

const TOLERANCE = 1; // pixels by which leaving out points moves an outline
const TURN = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // x and y of a step to the right, down, left, up

/** Return the sides of pixels of class `id` towards others, with the pixel on their right: a list of directions by the corner at which they begin. */
function sides({labels, width, height}, id) {
  const from = new Map();
  const add = (corner, direction) => from.has(corner) ? from.get(corner).push(direction) : from.set(corner, [direction]);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (labels[at] !== id) continue;
      const corner = y * (width + 1) + x;
      if (y === 0 || labels[at - width] !== id) add(corner, 0);
      if (x === width - 1 || labels[at + 1] !== id) add(corner + 1, 1);
      if (y === height - 1 || labels[at + width] !== id) add(corner + width + 2, 2);
      if (x === 0 || labels[at - 1] !== id) add(corner + width + 1, 3);
    }
  }
  return from;
}

/** Return the closed outlines of class `id`: each a list of points [x, y], one for each side of a pixel. */
function outlines(map, id) {
  const from = sides(map, id), row = map.width + 1, found = [];
  for (const start of from.keys()) {
    while (from.get(start).length) {
      const ring = [];
      let corner = start;
      do {
        const [right, down] = TURN[from.get(corner).pop()];
        ring.push([corner % row, Math.floor(corner / row)]);
        corner += right + down * row;
      } while (corner !== start);
      found.push(ring);
    }
  }
  return found;
}

/** Return the distance of a point from the line between two others. */
function distance([x, y], [fromX, fromY], [toX, toY]) {
  const right = toX - fromX, down = toY - fromY, length = right * right + down * down;
  const along = length && Math.min(1, Math.max(0, ((x - fromX) * right + (y - fromY) * down) / length));
  return Math.hypot(x - fromX - along * right, y - fromY - along * down);
}

/** Return the points of `ring` that are needed to stay within the tolerance (Douglas and Peucker 1973). */
function simplified(ring) {
  const points = [...ring, ring[0]], kept = new Set([0]), parts = [[0, ring.length]];
  while (parts.length) {
    const [first, last] = parts.pop();
    let farthest = 0, most = TOLERANCE;
    for (let index = first + 1; index < last; index++) {
      const away = distance(points[index], points[first], points[last]);
      if (away > most) [farthest, most] = [index, away];
    }
    if (!farthest) continue;
    kept.add(farthest);
    parts.push([first, farthest], [farthest, last]);
  }
  // A ring as small as the tolerance keeps its corners.
  return kept.size < 3 ? ring : [...kept].sort((one, other) => one - other).map(index => points[index]);
}

const escaped = text => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const path = ring => `M${ring.map(point => point.join(" ")).join("L")}Z`;

/** Return an SVG with a group for each of `objects` in the label map `map`; `colourOf` returns [red, green, blue] of a class id. */
export function svgOf(map, objects, colourOf) {
  const groups = objects.map(({id, label}) =>
    `<g fill="rgb(${colourOf(id)})" fill-rule="evenodd" data-class="${id}"><title>${escaped(label)}</title>`
      + `<path d="${outlines(map, id).map(ring => path(simplified(ring))).join("")}"/></g>`);
  const size = `width="${map.width}" height="${map.height}" viewBox="0 0 ${map.width} ${map.height}"`;
  return new Blob([`<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n`, ...groups.map(group => `${group}\n`), "</svg>\n"], {type: "image/svg+xml"});
}
