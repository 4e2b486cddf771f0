/* Two maps, one over the other, with a swipe between them; on paper they stand side by side. */

import { h, number, svg, w } from "./dom.js";
import { CLASSES } from "./words.js";

const SIZE = 1000;
const LETTER = 17; // as preview.css writes names
const CHANGED = new Set(["new", "retired", "reshaped", "reparented"]);

/** The maps with their swipe and legend. */
export function maps(content) {
  const project = projection(content.bounds);
  const before = drawing(content.before.features, content.outlines_before.features, project, "before");
  const after = drawing(content.after.features, content.outlines_after.features, project, "after");
  const slider = h("input", { type: "range", min: 0, max: 100, value: 50, step: 1, class: "pv-swipe", "aria-label": "调整前与调整后 Before and after" });
  const field = h("div", { class: "pv-field" }, before, after, h("span", { class: "pv-bar", "aria-hidden": "true" }), h("b", { class: "pv-before" }, w("调整前", "before")), h("b", { class: "pv-after" }, w("调整后", "after")), slider);
  const swipe = () => field.style.setProperty("--at", `${slider.value}%`);
  slider.addEventListener("input", swipe);
  swipe();
  return [field, legend()];
}

function projection([west, south, east, north]) {
  const squeeze = Math.cos(((south + north) / 2) * (Math.PI / 180));
  const scale = SIZE / Math.max((east - west) * squeeze, north - south);
  const [x0, y0] = [(west + east) / 2, (south + north) / 2];
  return ([lon, lat]) => [SIZE / 2 + (lon - x0) * squeeze * scale, SIZE / 2 - (lat - y0) * scale];
}

function drawing(features, outlines, project, word) {
  const changed = features.filter((one) => CHANGED.has(one.properties.status));
  return svg(
    "svg",
    { viewBox: `0 0 ${SIZE} ${SIZE}`, class: `pv-map pv-map-${word}`, preserveAspectRatio: "xMidYMid slice", role: "img", "aria-label": word === "before" ? "调整前 before" : "调整后 after" },
    features.map((one) => svg("path", { d: path(one.geometry, project), fill: shade(one.properties.workload), class: "pv-cell" }, svg("title", {}, `${one.properties.name} ${one.properties.code} · ${number(one.properties.workload, 2)}`))),
    changed.map((one) => svg("path", { d: path(one.geometry, project), class: `pv-mark pv-mark-${one.properties.status}` })),
    outlines.map((one) => svg("path", { d: path(one.geometry, project), class: "pv-outline" })),
    labels([...outlines, ...changed], project),
  );
}

function shade(workload) {
  return workload === null || workload === undefined ? "#fff" : CLASSES.find(([bound]) => workload < bound)[1];
}

function polygons(geometry) {
  return geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
}

function path(geometry, project) {
  return polygons(geometry).flat().map((ring) => `M${ring.slice(0, -1).map((place) => project(place).map((value) => value.toFixed(1)).join(" ")).join("L")}Z`).join("");
}

/** Names of the largest cells, as many as find room; each cell has its name on hovering as well. */
function labels(features, project) {
  const found = features.map((one) => ({ name: one.properties.name, ...middle(one, project) })).sort((one, other) => other.area - one.area);
  const placed = [];
  return found.filter(({ name, x, y }) => {
    const [wide, high] = [width(name) / 2, LETTER * 0.65];
    const free = placed.every((other) => Math.abs(x - other.x) > wide + other.wide || Math.abs(y - other.y) > high + other.high);
    if (free) placed.push({ x, y, wide, high });
    return free;
  }).map(({ name, x, y }) => svg("text", { x: x.toFixed(1), y: y.toFixed(1), class: "pv-name" }, name));
}

/** How wide a name is written: a Chinese character is a square, a letter little more than half of one. */
function width(name) {
  return [...name].reduce((sum, letter) => sum + (letter.codePointAt(0) > 0x2e7f ? LETTER : 0.6 * LETTER), LETTER * 0.5);
}

/** Centre of gravity and size of the largest ring. */
function middle(feature, project) {
  const rings = polygons(feature.geometry).map(([outer]) => gravity(outer.map(project)));
  return rings.sort((one, other) => other.area - one.area)[0];
}

function gravity(ring) {
  let [area, x, y] = [0, 0, 0];
  ring.slice(0, -1).forEach(([ax, ay], at) => {
    const [bx, by] = ring[at + 1];
    const cross = ax * by - bx * ay;
    area += cross;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  });
  return area ? { area: Math.abs(area) / 2, x: x / (3 * area), y: y / (3 * area) } : { area: 0, x: ring[0][0], y: ring[0][1] };
}

function legend() {
  return h("p", { class: "pv-legend" }, h("span", {}, w("工作量指数", "Workload")), CLASSES.map(([, color, words]) => h("span", {}, h("i", { style: `background:${color}` }), words)), h("span", {}, h("i", { class: "pv-line" }), w("有变化的网格", "changed cells")), h("span", {}, h("i", { class: "pv-line pv-above" }), w("上级边界有变化", "changed outlines above")));
}
