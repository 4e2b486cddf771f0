/*
 * Cells as lines: the borders of each level, drawn straight from the compact shapes that the map pages fetch
 * (js/shapes.js), and names where there is room. Nothing is filled: what lies on the ground stays to be seen.
 */

import { FONT, zoomOf } from "./basemap.js";

const { layer } = window.ol;
const GS = window.GeoService;

const WORLD_M = 20037508.342789244;
// a level is drawn from this zoom on: the leaves, then so many levels above them
const FROM_ZOOM = [14.2, 12.3, 10.3, 0];
const NAMES_FROM = 1.2; // zooms later than the lines
const WIDTH = [0.8, 1.3, 2, 2.8, 3.2];
const NAME_PX = 64;
const NAME_HEIGHT_PX = 17;
const SIGN_PX = 13; // half of a sign
const BESIDE_PX = [0, -24, 24, -44, 44]; // where a name stands, down from the middle of its cell: the first that is free

export class Borders {
  /** `levels` are codes, the top first; `address(level, detail)` tells where its shapes are. */
  constructor(levels, address) {
    this.levels = levels;
    this.address = address;
    this.shapes = new Map(); // level → decoded shapes, or a promise of them
    this.look = "day";
    this.marked = null; // {level, code} of the cell that is pointed out
    this.signs = []; // where signs stand over it, in coordinates of the map: names keep clear of them
    this.layer = new layer.Layer({ zIndex: 10, render: (frame) => this.draw(frame) });
    this.canvas = document.createElement("canvas");
    this.canvas.className = "gs-borders";
  }

  setLook(look) {
    this.look = look;
    this.layer.changed();
  }

  /** Point out a cell, or none. */
  mark(level, code) {
    this.marked = level ? { level, code } : null;
    if (level) this.fetch(level);
    this.layer.changed();
  }

  /** Levels from the top down are so many steps above the leaves. */
  steps(level) {
    return this.levels.length - 1 - this.levels.indexOf(level);
  }

  fetch(level) {
    if (this.shapes.has(level)) return;
    const failed = (error) => {
      console.warn(`cells of ${level} not fetched:`, error.message);
      setTimeout(() => this.shapes.get(level) instanceof Promise && this.shapes.delete(level), 5000);
    };
    this.shapes.set(level, fetch(this.address(level), { credentials: "same-origin" })
      .then((response) => (response.ok ? response.json() : Promise.reject(new Error(String(response.status)))))
      .then((content) => {
        this.shapes.set(level, GS.decodeShapes(content));
        this.layer.changed();
      })
      .catch(failed));
  }

  /** Boundaries have changed: fetch anew from another address. */
  renew(address) {
    this.address = address;
    this.shapes.clear();
    this.layer.changed();
  }

  draw(frame) {
    const { canvas } = this;
    const context = begin(canvas, frame);
    const zoom = zoomOf(frame.viewState.resolution);
    const shown = this.levels.filter((level) => zoom >= FROM_ZOOM[Math.min(this.steps(level), 3)]);
    const finest = shown[shown.length - 1];
    const scale = 2 * WORLD_M / frame.viewState.resolution;
    const [cx, cy] = frame.viewState.center;
    const place = {
      scale,
      dx: frame.size[0] / 2 - ((cx + WORLD_M) / (2 * WORLD_M)) * scale,
      dy: frame.size[1] / 2 - ((WORLD_M - cy) / (2 * WORLD_M)) * scale,
      width: frame.size[0],
      height: frame.size[1],
    };
    for (const level of [...shown].reverse()) {
      this.fetch(level);
      const shapes = this.shapes.get(level);
      if (!shapes || shapes instanceof Promise) continue;
      context.strokeStyle = this.look === "night" ? "rgba(150,176,204,.72)" : "rgba(52,72,96,.68)";
      context.lineWidth = WIDTH[Math.min(this.steps(level), WIDTH.length - 1)];
      context.stroke(arcs(shapes, place));
    }
    this.drawMarked(context, place);
    const signs = this.signs.map(([x, y]) => [(x - cx) / frame.viewState.resolution + place.width / 2, (cy - y) / frame.viewState.resolution + place.height / 2]);
    if (finest) this.drawNames(context, place, finest, zoom, signs);
    return canvas;
  }

  drawMarked(context, place) {
    const shapes = this.marked && this.shapes.get(this.marked.level);
    if (!shapes || shapes instanceof Promise) return;
    const cell = shapes.codes.indexOf(this.marked.code);
    if (cell < 0) return;
    const path = new Path2D();
    GS.walkCell(shapes, cell, (x, y, first) => path[first ? "moveTo" : "lineTo"](x * place.scale + place.dx, y * place.scale + place.dy));
    context.fillStyle = this.look === "night" ? "rgba(120,190,255,.13)" : "rgba(25,113,194,.1)";
    context.fill(path, "evenodd");
    context.strokeStyle = this.look === "night" ? "#7cc0ff" : "#1864ab";
    context.lineWidth = 2.6;
    context.stroke(path);
  }

  drawNames(context, place, level, zoom, signs) {
    const shapes = this.shapes.get(level);
    if (!shapes || shapes instanceof Promise || zoom < FROM_ZOOM[Math.min(this.steps(level), 3)] + NAMES_FROM) return;
    context.font = `600 12px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeStyle = this.look === "night" ? "rgba(18,23,29,.85)" : "rgba(255,255,255,.85)";
    context.fillStyle = this.look === "night" ? "#aebccb" : "#475569";
    const box = shapes.cellBox;
    const placed = []; // boxes of the names that stand already: none is written over another
    const isFree = (px, py, half) => placed.every((one) => Math.abs(one[0] - px) >= one[2] + half || Math.abs(one[1] - py) >= NAME_HEIGHT_PX)
      && signs.every((one) => Math.abs(one[0] - px) >= SIGN_PX + half || Math.abs(one[1] - py) >= SIGN_PX + NAME_HEIGHT_PX / 2);
    for (let cell = 0; cell < shapes.codes.length; cell++) {
      const b = cell * 4;
      if ((box[b + 2] - box[b]) * place.scale < NAME_PX || !inSight(box, b, place)) continue;
      const [x, y] = GS.anchor(shapes, cell);
      const px = x * place.scale + place.dx;
      const middle = y * place.scale + place.dy;
      const name = shapes.names[cell] || shapes.codes[cell];
      const half = context.measureText(name).width / 2 + 4;
      // beside a sign only inside its own cell: elsewhere it would name another
      const isOwn = (by) => by === 0 || GS.cellAt(shapes, x, y + by / place.scale) === cell;
      const py = BESIDE_PX.filter((by) => isFree(px, middle + by, half)).filter(isOwn).map((by) => middle + by)[0];
      if (py === undefined) continue;
      placed.push([px, py, half]);
      context.strokeText(name, px, py);
      context.fillText(name, px, py);
    }
  }
}

/** Make a canvas fit a frame of the map and empty it; the context is in CSS pixels. */
export function begin(canvas, frame) {
  const ratio = frame.pixelRatio;
  const [width, height] = [Math.round(frame.size[0] * ratio), Math.round(frame.size[1] * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    Object.assign(canvas.style, { position: "absolute", left: "0", top: "0", width: "100%", height: "100%", pointerEvents: "none" });
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, frame.size[0], frame.size[1]);
  return context;
}

function inSight(box, b, { scale, dx, dy, width, height }) {
  return box[b] * scale + dx <= width && box[b + 2] * scale + dx >= 0 && box[b + 1] * scale + dy <= height && box[b + 3] * scale + dy >= 0;
}

/** Borders in sight, each drawn once whichever two cells it parts. */
function arcs({ xy, arcStart, arcBox }, place) {
  const path = new Path2D();
  const { scale, dx, dy } = place;
  for (let arc = 0; arc < arcStart.length - 1; arc++) {
    if (!inSight(arcBox, arc * 4, place)) continue;
    let lastX = NaN, lastY = NaN;
    for (let v = arcStart[arc], end = arcStart[arc + 1]; v < end; v++) {
      const x = xy[2 * v] * scale + dx;
      const y = xy[2 * v + 1] * scale + dy;
      if (v === arcStart[arc]) path.moveTo(x, y);
      else if (v === end - 1 || Math.abs(x - lastX) + Math.abs(y - lastY) >= 1) path.lineTo(x, y);
      else continue;
      lastX = x;
      lastY = y;
    }
  }
  return path;
}
