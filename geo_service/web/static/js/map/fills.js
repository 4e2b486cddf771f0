/*
 * Cells as areas: the cells of one level coloured by class, on the compact shapes of the map pages (js/shapes.js).
 *
 * Fourteen thousand cells take a tenth of a second to draw: while the map moves the last picture is moved along, and
 * drawn anew when it stands still.
 */

import { begin } from "./borders.js";
import { FONT } from "./basemap.js";

const { layer } = window.ol;
const GS = window.GeoService;

const WORLD_M = 20037508.342789244;
const MANY = 1500; // cells that are drawn in every frame
const LABEL_PX = 56;
const VALUE_PX = 34;
const LINE_PX = 16;

const LOOKS = {
  day: { border: "rgba(38,52,70,.62)", thin: "rgba(38,52,70,.34)", outside: "rgba(120,130,142,.22)", none: "#d9d9d5", halo: "rgba(255,255,255,.92)", text: "#1f2933", edge: "#0b3d91", rim: "#111" },
  night: { border: "rgba(8,14,22,.75)", thin: "rgba(8,14,22,.45)", outside: "rgba(120,140,165,.16)", none: "#4a5560", halo: "rgba(255,255,255,.92)", text: "#141b23", edge: "#ffd43b", rim: "#fff" },
};

export class Fills {
  /** `drawn` is called after each picture. */
  constructor({ drawn = () => {} } = {}) {
    this.shapes = null;
    this.outline = null; // shapes of the level above, whose borders are drawn thicker
    this.colorOf = null; // cell → colour, null where it is not of what is looked at
    this.labelOf = null; // cell → figure in words
    this.look = "day";
    this.pointed = -1;
    this.chosen = -1;
    this.drawn = drawn;
    this.layer = new layer.Layer({ zIndex: 5, render: (frame) => this.draw(frame) });
    this.canvas = document.createElement("canvas");
    this.canvas.className = "gs-fills";
    this.picture = document.createElement("canvas");
    this.pictured = null; // the view that the picture shows
  }

  /** Show cells; `colorOf(cell)` and `labelOf(cell)` are asked for each. */
  show({ shapes, outline = null, colorOf, labelOf = null }) {
    if (shapes !== this.shapes) this.pointed = this.chosen = -1;
    Object.assign(this, { shapes, outline, colorOf, labelOf, pictured: null });
    this.layer.changed();
  }

  setLook(look) {
    this.look = look;
    this.pictured = null;
    this.layer.changed();
  }

  /** Point a cell out (-1: none); tells whether that is another one than before. */
  point(cell) {
    if (cell === this.pointed) return false;
    this.pointed = cell;
    this.layer.changed();
    return true;
  }

  choose(cell) {
    this.chosen = cell;
    this.layer.changed();
  }

  /** Cell at a coordinate of the map, -1 where there is none. */
  at([x, y]) {
    return this.shapes ? GS.cellAt(this.shapes, (x + WORLD_M) / (2 * WORLD_M), (WORLD_M - y) / (2 * WORLD_M)) : -1;
  }

  /** Extent of some cells in coordinates of the map, null for none. */
  extentOf(cells) {
    const box = this.shapes?.cellBox;
    let [west, north, east, south] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const cell of cells) {
      west = Math.min(west, box[cell * 4]);
      north = Math.min(north, box[cell * 4 + 1]);
      east = Math.max(east, box[cell * 4 + 2]);
      south = Math.max(south, box[cell * 4 + 3]);
    }
    const [x, y] = [(value) => value * 2 * WORLD_M - WORLD_M, (value) => WORLD_M - value * 2 * WORLD_M];
    return Number.isFinite(west) ? [x(west), y(south), x(east), y(north)] : null;
  }

  draw(frame) {
    const context = begin(this.canvas, frame);
    if (!this.shapes) return this.canvas;
    const place = placeOf(frame);
    const isMoving = frame.viewHints[0] > 0 || frame.viewHints[1] > 0;
    if (isMoving && this.pictured && this.shapes.codes.length > MANY) this.movePicture(context, frame);
    else this.paint(context, place);
    this.outlineCell(context, place, this.pointed, 2);
    this.outlineCell(context, place, this.chosen, 3.4);
    if (!isMoving) {
      if (this.shapes.codes.length > MANY) this.keepPicture(frame);
      this.drawn();
    }
    return this.canvas;
  }

  paint(context, place) {
    const look = LOOKS[this.look];
    this.fillCells(context, place, look);
    const cellPx = Math.sqrt((place.width * place.height) / Math.max(1, this.seen));
    context.lineJoin = "round";
    if (cellPx > 5) strokeArcs(context, this.shapes, place, cellPx > 24 ? look.border : look.thin, cellPx > 60 ? 1.4 : 0.8);
    if (this.outline) strokeArcs(context, this.outline, place, look.border, 2);
    if (this.labelOf) this.drawLabels(context, place, look);
  }

  /** Each colour as one path, so that cells of a class meet without a seam. */
  fillCells(context, place, look) {
    const { shapes } = this;
    const paths = new Map();
    this.seen = 0;
    for (let cell = 0; cell < shapes.codes.length; cell++) {
      if (!inSight(shapes.cellBox, cell * 4, place)) continue;
      this.seen += 1;
      const color = this.colorOf(cell) ?? look.outside;
      if (!paths.has(color)) paths.set(color, new Path2D());
      addCell(paths.get(color), shapes, cell, place);
    }
    for (const [color, path] of paths) {
      context.fillStyle = context.strokeStyle = color === "none" ? look.none : color;
      context.lineWidth = 0.6; // closes the hairline between classes
      context.fill(path, "evenodd");
      if (color !== look.outside) context.stroke(path);
    }
  }

  outlineCell(context, place, cell, width) {
    if (cell < 0 || cell >= this.shapes.codes.length) return;
    const path = new Path2D();
    addCell(path, this.shapes, cell, place);
    const look = LOOKS[this.look];
    context.lineJoin = "round";
    context.strokeStyle = look.halo;
    context.lineWidth = width + 2.5;
    context.stroke(path);
    context.strokeStyle = width > 3 ? look.edge : look.rim;
    context.lineWidth = width;
    context.stroke(path);
  }

  /** Names with figures where there is room, figures alone where there is little; none is written over another. */
  drawLabels(context, place, look) {
    const { shapes } = this;
    const placed = [];
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3.2;
    context.strokeStyle = look.halo;
    context.fillStyle = look.text;
    for (let cell = 0; cell < shapes.codes.length; cell++) {
      const width = (shapes.cellBox[cell * 4 + 2] - shapes.cellBox[cell * 4]) * place.scale;
      if (width < VALUE_PX || !inSight(shapes.cellBox, cell * 4, place)) continue;
      const value = this.labelOf(cell);
      if (value === null) continue;
      const lines = width >= LABEL_PX ? [shapes.names[cell] || shapes.codes[cell], value] : [value];
      const [x, y] = GS.anchor(shapes, cell);
      this.write(context, lines.filter(Boolean), x * place.scale + place.dx, y * place.scale + place.dy, placed);
    }
  }

  write(context, lines, x, y, placed) {
    context.font = `600 13px ${FONT}`;
    const half = Math.max(...lines.map((line) => context.measureText(line).width), 0) / 2 + 3;
    const tall = (lines.length * LINE_PX) / 2;
    if (placed.some((one) => Math.abs(one[0] - x) < one[2] + half && Math.abs(one[1] - y) < one[3] + tall)) return;
    placed.push([x, y, half, tall]);
    lines.forEach((line, i) => {
      const at = y + (i - (lines.length - 1) / 2) * LINE_PX;
      context.font = i === 0 && lines.length > 1 ? `600 12.5px ${FONT}` : `700 14px ${FONT}`;
      context.strokeText(line, x, at);
      context.fillText(line, x, at);
    });
  }

  keepPicture(frame) {
    this.picture.width = this.canvas.width;
    this.picture.height = this.canvas.height;
    this.picture.getContext("2d").drawImage(this.canvas, 0, 0);
    this.pictured = { center: [...frame.viewState.center], resolution: frame.viewState.resolution };
  }

  movePicture(context, frame) {
    const { center, resolution } = frame.viewState;
    const scale = this.pictured.resolution / resolution;
    const [width, height] = frame.size;
    const dx = (this.pictured.center[0] - center[0]) / resolution;
    const dy = (center[1] - this.pictured.center[1]) / resolution;
    context.drawImage(this.picture, width / 2 + dx - (width * scale) / 2, height / 2 + dy - (height * scale) / 2, width * scale, height * scale);
  }
}

function placeOf(frame) {
  const scale = (2 * WORLD_M) / frame.viewState.resolution;
  const [cx, cy] = frame.viewState.center;
  const [width, height] = frame.size;
  return { scale, width, height, dx: width / 2 - ((cx + WORLD_M) / (2 * WORLD_M)) * scale, dy: height / 2 - ((WORLD_M - cy) / (2 * WORLD_M)) * scale };
}

function inSight(box, b, { scale, dx, dy, width, height }) {
  return box[b] * scale + dx <= width && box[b + 2] * scale + dx >= 0 && box[b + 1] * scale + dy <= height && box[b + 3] * scale + dy >= 0;
}

function addCell(path, shapes, cell, { scale, dx, dy }) {
  let lastX = NaN, lastY = NaN;
  GS.walkCell(shapes, cell, (x, y, first) => {
    const px = x * scale + dx;
    const py = y * scale + dy;
    if (!first && Math.abs(px - lastX) + Math.abs(py - lastY) < 0.7) return; // less than a pixel
    if (first) path.moveTo(px, py);
    else path.lineTo(px, py);
    lastX = px;
    lastY = py;
  });
}

function strokeArcs(context, { xy, arcStart, arcBox }, place, color, width) {
  const { scale, dx, dy } = place;
  const path = new Path2D();
  for (let arc = 0; arc < arcStart.length - 1; arc++) {
    if (!inSight(arcBox, arc * 4, place)) continue;
    for (let v = arcStart[arc], end = arcStart[arc + 1]; v < end; v++) {
      path[v === arcStart[arc] ? "moveTo" : "lineTo"](xy[2 * v] * scale + dx, xy[2 * v + 1] * scale + dy);
    }
  }
  context.strokeStyle = color;
  context.lineWidth = width;
  context.stroke(path);
}
