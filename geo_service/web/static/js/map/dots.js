/*
 * Many small signs on a map: ten thousand of them are drawn in some milliseconds.
 *
 * Places lie in typed arrays; a sign is drawn once for each kind and then copied. Signs of which one hides the other
 * completely are drawn once.
 */

import { begin } from "./borders.js";

const { layer, proj } = window.ol;

const BEYOND = 0.25; // of the view, drawn beyond each edge

export class Dots {
  /**
   * `paint(context, kind, size)` draws a sign of a kind round the origin; `sizeOf(zoom)` tells how large signs are, as
   * a share of their full size; `order` ranks kinds: those that come later are drawn over the others.
   */
  constructor({ zIndex, paint, order, sizeOf = () => 1, radius = 12, gather = 0 }) {
    this.paint = paint;
    this.order = order;
    this.sizeOf = sizeOf;
    this.radius = radius; // of the largest sign
    this.gather = gather; // pixels: of two of a kind that are nearer than this one is drawn
    this.signs = new Map();
    this.ids = [];
    this.kinds = [];
    this.xy = new Float64Array(0);
    this.version = 0; // of what is shown
    this.picture = null;
    this.drawn = 0;
    this.tookMs = 0;
    this.layer = new layer.Layer({ zIndex, render: (frame) => this.draw(frame) });
    this.canvas = document.createElement("canvas");
    this.canvas.className = "gs-dots";
  }

  /** Show these: rows of {id, kind, lon, lat}. */
  show(rows) {
    const placed = rows.filter((row) => Number.isFinite(row.lon) && Number.isFinite(row.lat));
    placed.sort((a, b) => this.order.indexOf(a.kind) - this.order.indexOf(b.kind));
    this.ids = placed.map((row) => row.id);
    this.kinds = placed.map((row) => row.kind);
    this.xy = new Float64Array(placed.length * 2);
    placed.forEach((row, i) => {
      const [x, y] = proj.fromLonLat([row.lon, row.lat]);
      this.xy[2 * i] = x;
      this.xy[2 * i + 1] = y;
    });
    this.version += 1;
    this.layer.changed();
  }

  /** The signs look otherwise from now on. */
  repaint() {
    this.signs.clear();
    this.version += 1;
    this.layer.changed();
  }

  sign(kind, size, ratio) {
    const key = `${kind}/${size}/${ratio}`;
    if (!this.signs.has(key)) {
      const edge = Math.ceil((this.radius * size + 2) * 2 * ratio);
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = edge;
      const context = canvas.getContext("2d");
      context.translate(edge / 2, edge / 2);
      context.scale(ratio * size, ratio * size);
      this.paint(context, kind);
      this.signs.set(key, canvas);
    }
    return this.signs.get(key);
  }

  /**
   * Draw a frame. Signs are drawn once, somewhat beyond the edges of the view; while the map is moved that picture is
   * moved along, and only when the map has left it, or something has changed, are the signs drawn anew.
   */
  draw(frame) {
    const began = performance.now();
    const context = begin(this.canvas, frame);
    const { resolution, center } = frame.viewState;
    const [animating, interacting] = frame.viewHints;
    if (!this.isGood(frame) && !((animating || interacting) && this.picture && this.picture.version === this.version)) this.drawPicture(frame);
    const { picture } = this;
    const scale = picture.resolution / resolution;
    const x = (picture.west - center[0]) / resolution + frame.size[0] / 2;
    const y = (center[1] - picture.north) / resolution + frame.size[1] / 2;
    context.drawImage(picture.canvas, x, y, picture.size[0] * scale, picture.size[1] * scale);
    this.tookMs = performance.now() - began;
    return this.canvas;
  }

  /** Whether the picture that was drawn still shows the view. */
  isGood({ viewState: { resolution, center }, size, pixelRatio }) {
    const { picture } = this;
    if (!picture || picture.version !== this.version || picture.resolution !== resolution || picture.ratio !== pixelRatio) return false;
    const [halfX, halfY] = [(size[0] / 2) * resolution, (size[1] / 2) * resolution];
    const [east, south] = [picture.west + picture.size[0] * resolution, picture.north - picture.size[1] * resolution];
    return center[0] - halfX >= picture.west && center[0] + halfX <= east && center[1] + halfY <= picture.north && center[1] - halfY >= south;
  }

  drawPicture({ viewState: { resolution, center, zoom }, size: viewSize, pixelRatio: ratio }) {
    const size = viewSize.map((one) => Math.ceil(one * (1 + 2 * BEYOND)));
    const west = center[0] - (size[0] / 2) * resolution;
    const north = center[1] + (size[1] / 2) * resolution;
    const canvas = this.picture?.canvas || document.createElement("canvas");
    canvas.width = size[0] * ratio;
    canvas.height = size[1] * ratio;
    this.picture = { canvas, resolution, ratio, west, north, size, version: this.version };
    const context = canvas.getContext("2d");
    const share = this.sizeOf(zoom);
    const margin = this.radius * share + 2;
    const taken = new Set();
    this.drawn = 0;
    for (let i = 0; i < this.kinds.length; i++) {
      const x = (this.xy[2 * i] - west) / resolution;
      const y = (north - this.xy[2 * i + 1]) / resolution;
      if (x < -margin || y < -margin || x > size[0] + margin || y > size[1] + margin) continue;
      const kind = this.kinds[i];
      if (this.gather && isTaken(taken, this.order.indexOf(kind), x / this.gather, y / this.gather)) continue;
      const sign = this.sign(kind, share, ratio);
      context.drawImage(sign, Math.round(x * ratio - sign.width / 2), Math.round(y * ratio - sign.height / 2));
      this.drawn++;
    }
  }

  /** Id of the sign at a coordinate of the map, the one on top first; null where there is none. */
  at(coordinate, resolution, zoom, reach = 4) {
    const near = (this.radius * this.sizeOf(zoom) + reach) * resolution;
    let found = null;
    let least = near * near;
    for (let i = this.kinds.length - 1; i >= 0; i--) {
      const dx = this.xy[2 * i] - coordinate[0];
      const dy = this.xy[2 * i + 1] - coordinate[1];
      const apart = dx * dx + dy * dy;
      if (apart < least) [found, least] = [this.ids[i], apart];
    }
    return found;
  }
}

function isTaken(taken, kind, x, y) {
  const key = (kind * 16384 + Math.round(x) + 4096) * 16384 + Math.round(y) + 4096;
  if (taken.has(key)) return true;
  taken.add(key);
  return false;
}
