/* The small map: paths as the server drew them, names, and where the visitor stands. */

const SVG = "http://www.w3.org/2000/svg";
const ORDER = ["green", "water", "stream", "buildings", "rail", "paths", "minor-case", "major-case", "minor", "major", "beside", "veil", "cell-rim", "cell"];

function node(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Path data of a layer; cases, the rim and the veil lie under what they belong to. */
function pathOf(map, layer) {
  if (layer === "veil") return `M0 0H${map.width}V${map.height}H0z${map.paths.cell}`;
  return map.paths[layer.replace(/-(case|rim)$/, "")];
}

/** Drawing of a map with a title for those who do not see it. */
export function draw(map, title) {
  const svg = node("svg", { viewBox: `0 0 ${map.width} ${map.height}`, class: "who-map", role: "img", "aria-label": title });
  for (const layer of ORDER) {
    const data = pathOf(map, layer);
    if (data) svg.append(node("path", { d: data, class: layer, "fill-rule": "evenodd" }));
  }
  for (const { kind, text, x, y, turn } of map.names) {
    svg.append(node("text", { x, y, class: kind, transform: `rotate(${turn} ${x} ${y})`, dy: "0.36em" }, text));
  }
  if (map.place) {
    const [x, y] = map.place;
    svg.append(node("circle", { cx: x, cy: y, r: 22, class: "here-halo" }), node("circle", { cx: x, cy: y, r: 11, class: "here" }));
  }
  return svg;
}
