/* The way to a task as a drawing: streets, buildings, the way, where it leads and where one is. North is up. */

import { say } from "../kit/i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const DEGREE_M = 111195;
const WIDTH = 360;
const [LEAST_HEIGHT, MOST_HEIGHT] = [170, 300];
const NAMES = 8; // more would lie on each other

function node(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Draw what `/v1/own-work/way` has told; `here` is where the phone is now. */
export function sketch({ place, way, box, streets, buildings }, here) {
  const [west, south, east, north] = box;
  const wide = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const metres = [(east - west) * wide * DEGREE_M, (north - south) * DEGREE_M];
  const height = Math.max(LEAST_HEIGHT, Math.min(MOST_HEIGHT, (WIDTH * metres[1]) / metres[0]));
  const scale = Math.min(WIDTH / metres[0], height / metres[1]); // pixels of a metre
  const middle = [(west + east) / 2, (south + north) / 2];
  const at = ([lon, lat]) => [WIDTH / 2 + (lon - middle[0]) * wide * DEGREE_M * scale, height / 2 - (lat - middle[1]) * DEGREE_M * scale];
  const path = (line, end = "") => `M${line.map((pair) => at(pair).map((one) => one.toFixed(1)).join(" ")).join("L")}${end}`;
  const street = Math.max(1.6, Math.min(9, 7 * scale));
  const whole = streets.map(({ line }) => path(line)).join("");
  const drawing = node(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height.toFixed(0)}`, class: "wk-sketch", role: "img", "aria-label": say("mapOf") },
    node("path", { class: "building", d: buildings.map((ring) => path(ring, "Z")).join("") }),
    node("path", { class: "street edge", d: whole, "stroke-width": street + 1.4 }),
    node("path", { class: "street", d: whole, "stroke-width": street }),
  );
  if (way) drawing.append(node("path", { class: "way halo", d: path(way.geometry.coordinates) }), node("path", { class: "way", d: path(way.geometry.coordinates) }));
  drawing.append(...names(streets, at, height), pin(at(place)));
  const [x, y] = here ? at([here.lon, here.lat]) : [];
  if (here && x > 0 && x < WIDTH && y > 0 && y < height) drawing.append(node("circle", { class: "me", cx: x.toFixed(1), cy: y.toFixed(1), r: 7 }));
  drawing.append(scaleBar(scale, height));
  return drawing;
}

/** Where it is: a pin whose point is the place. */
function pin([x, y]) {
  return node("path", { class: "place", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, d: "M0 0C-3-6-9-9-9-16a9 9 0 1 1 18 0c0 7-6 10-9 16zM0-12.2a3.8 3.8 0 1 0 0-7.6 3.8 3.8 0 0 0 0 7.6z" });
}

/** Names of streets, each once, along its longest piece in sight; one that would lie on another is left out. */
function names(streets, at, height) {
  const longest = new Map();
  for (const { name, line } of streets) {
    if (!name) continue;
    const [a, b] = [at(line[0]), at(line[line.length - 1])];
    const [x, y] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    const isInside = x > 30 && x < WIDTH - 30 && y > 14 && y < height - 24;
    if (isInside && length > (longest.get(name)?.length || 0)) longest.set(name, { name, x, y, length, turn: (Math.atan2(b[1] - a[1], b[0] - a[0]) * 180) / Math.PI });
  }
  const shown = [];
  for (const one of [...longest.values()].sort((a, b) => b.length - a.length)) {
    if (shown.length < NAMES && one.length > 9 * one.name.length && shown.every((other) => Math.hypot(other.x - one.x, other.y - one.y) > 34)) shown.push(one);
  }
  return shown.map(({ name, x, y, turn }) => {
    const upright = turn > 90 ? turn - 180 : turn < -90 ? turn + 180 : turn;
    return node("text", { class: "name", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${upright.toFixed(1)})`, dy: "4" }, name);
  });
}

function scaleBar(scale, height) {
  const metres = [20, 50, 100, 200, 500, 1000, 2000].findLast((one) => one * scale <= 110) || 20;
  const width = metres * scale;
  return node("g", { class: "scale", transform: `translate(10 ${(height - 10).toFixed(0)})` }, node("path", { d: `M0-5V0H${width.toFixed(1)}V-5` }), node("text", { x: (width + 6).toFixed(1), y: 1 }, metres < 1000 ? `${metres} m` : `${metres / 1000} km`));
}
