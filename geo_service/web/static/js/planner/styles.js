/* How cells look: colours by a figure in classes, selection, locks, labels; and the legend that explains them. */

import { FONT } from "../map/basemap.js";
import { area, either, number } from "./i18n.js";

const { style } = window.ol;

/** The figures that cells can be coloured by, with how their values are written. */
export const FIGURES = {
  households: (value) => number(value),
  residents: (value) => number(value),
  buildings: (value) => number(value),
  incidents_year: (value) => number(value),
  area_m2: area,
  workload_index: (value) => number(value, 1),
};

const RAMP = ["#edf4ee", "#c5e0d0", "#8fc6bb", "#559fa8", "#2a6f8a"];
const NOTHING = "#e3e3e0";

/** Value of a figure of a cell. */
export function figureOf(feature, name) {
  return (feature.get("figures") || {})[name];
}

/** Upper limits of at most five classes of about as many cells each. */
export function classesOf(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length) return [];
  const limits = RAMP.map((_, i) => sorted[Math.min(sorted.length - 1, Math.ceil(((i + 1) / RAMP.length) * sorted.length) - 1)]);
  return [...new Set(limits)];
}

/** Class of a value; -1 without one. */
export function classOf(value, limits) {
  if (!Number.isFinite(value) || !limits.length) return -1;
  const found = limits.findIndex((limit) => value <= limit);
  return found < 0 ? limits.length - 1 : found;
}

/** Colour of a class, the whole ramp used however many there are. */
export function colorOf(at, count) {
  if (at < 0) return NOTHING;
  return RAMP[count < 2 ? 2 : Math.round((at / (count - 1)) * (RAMP.length - 1))];
}

function translucent(color, opacity) {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${opacity})`;
}

const stroke = (color, width, dash) => new style.Stroke({ color, width, lineDash: dash });

const fills = new Map();

/**
 * Style of a cell that is filled; the line is that of its level.
 *
 * What the plan changed is dotted and has a broken purple line, what is selected a whole wide one in orange, what is
 * locked grey stripes: the states differ by more than their colours, and are explained in the legend.
 */
export function cellStyle(color, opacity, changed) {
  const key = `${color}/${opacity}/${changed}`;
  if (!fills.has(key)) {
    const plain = new style.Style({
      fill: new style.Fill({ color: translucent(color, opacity) }),
      stroke: stroke("rgba(52,64,80,.6)", 0.8),
    });
    fills.set(key, changed ? [plain, CHANGED] : plain);
  }
  return fills.get(key);
}

const CHANGED_COLOR = "#7a1f5c";
const SELECTED_COLOR = "#d55e00";

/** Outline of an upper level; the higher the wider. */
export function outlineStyle(steps) {
  const width = [1, 1.7, 2.6, 3.4][Math.min(steps, 3)];
  return new style.Style({ stroke: new style.Stroke({ color: steps > 1 ? "rgba(74,42,92,.72)" : "rgba(46,57,92,.75)", width, lineDash: steps > 2 ? [10, 5] : undefined }) });
}

export const SELECTED = [
  new style.Style({ stroke: stroke("#fff", 5), zIndex: 1 }),
  new style.Style({ stroke: stroke(SELECTED_COLOR, 3.2), fill: new style.Fill({ color: "rgba(255,214,170,.3)" }), zIndex: 2 }),
];
const CHANGED = new style.Style({ stroke: stroke(CHANGED_COLOR, 1.8, [6, 4]), fill: new style.Fill({ color: pattern(dots) }), zIndex: 1 });
export const SKETCH = [
  new style.Style({ stroke: stroke("rgba(255,255,255,.9)", 5) }),
  new style.Style({
    stroke: stroke("#c2255c", 2.5, [8, 5]),
    image: new style.Circle({ radius: 5, fill: new style.Fill({ color: "#fff" }), stroke: stroke("#c2255c", 2) }),
    fill: new style.Fill({ color: "rgba(194,37,92,.12)" }),
  }),
];
export const TROUBLE = [
  new style.Style({ stroke: stroke("#ffd43b", 7), zIndex: 1 }),
  new style.Style({
    stroke: stroke("#7d0a0a", 3, [10, 7]),
    fill: new style.Fill({ color: "rgba(201,42,42,.22)" }),
    image: new style.Circle({ radius: 10, stroke: stroke("#7d0a0a", 3), fill: new style.Fill({ color: "rgba(255,212,59,.75)" }) }),
    zIndex: 2,
  }),
];
export const NEWS = new style.Style({ stroke: stroke("#1971c2", 3.5), fill: new style.Fill({ color: "rgba(25,113,194,.18)" }) });
export const AIM = [
  new style.Style({ stroke: stroke("#fff", 6), zIndex: 1 }),
  new style.Style({ stroke: stroke("#1d5f8a", 3.5), fill: new style.Fill({ color: "rgba(25,113,194,.16)" }), zIndex: 2 }),
];
export const HANDLE = new style.Style({
  image: new style.Circle({ radius: 7, fill: new style.Fill({ color: "#fff" }), stroke: stroke(SELECTED_COLOR, 3) }),
});
export const CORNER = new style.Style({
  image: new style.RegularShape({ points: 4, angle: Math.PI / 4, radius: 4.5, fill: new style.Fill({ color: "#fff" }), stroke: stroke("#5b4636", 1.3) }),
});
export const DRAGGED = new style.Style({ stroke: stroke(SELECTED_COLOR, 2.5), fill: new style.Fill({ color: "rgba(213,94,0,.1)" }) });

/** Grey stripes over what is locked. */
export const LOCKED = new style.Style({ stroke: stroke("rgba(60,60,60,.75)", 2, [3, 4]), fill: new style.Fill({ color: pattern(stripes) }) });

/** A pattern that fills an area, drawn on a field of 8 by 8. */
function pattern(draw) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const context = canvas.getContext("2d");
  draw(context);
  return context.createPattern(canvas, "repeat");
}

function stripes(context) {
  context.strokeStyle = "rgba(60,60,60,.5)";
  context.lineWidth = 1.6;
  for (const shift of [-8, 0, 8]) {
    context.moveTo(shift, 8);
    context.lineTo(shift + 8, 0);
  }
  context.stroke();
}

function dots(context) {
  context.fillStyle = CHANGED_COLOR;
  context.globalAlpha = 0.55;
  context.fillRect(1, 1, 1.6, 1.6);
  context.fillRect(5, 5, 1.6, 1.6);
}

const labels = new Map();

/** Name of a cell and its figure below it. */
export function labelStyle(name, value) {
  const key = `${name}\n${value}`;
  if (labels.size > 5000) labels.clear();
  if (!labels.has(key)) {
    labels.set(key, new style.Style({
      text: new style.Text({
        text: value ? [name, `600 12px ${FONT}`, "\n", "", value, `11px ${FONT}`] : [name, `600 12px ${FONT}`],
        fill: new style.Fill({ color: "#26303a" }),
        stroke: new style.Stroke({ color: "rgba(255,255,255,.9)", width: 3 }),
        overflow: false,
      }),
    }));
  }
  return labels.get(key);
}

const GROUPS = ["#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#eeca3b", "#9d755d", "#ff9da6", "#7f7f7f", "#2f9e44", "#5f3dc4"];
const groups = new Map();

/** Style of a piece of a proposed division. */
export function groupStyle(number) {
  const at = number % GROUPS.length;
  if (!groups.has(at)) groups.set(at, new style.Style({ fill: new style.Fill({ color: translucent(GROUPS[at], 0.6) }), stroke: stroke("rgba(255,255,255,.7)", 0.7) }));
  return groups.get(at);
}

/** Colour of a piece of a proposed division. */
export function groupColor(number) {
  return GROUPS[number % GROUPS.length];
}

/** Name of a level in the present language. */
export function levelName(level) {
  return either(level.name_zh, level.name_en);
}
