/*
 * Moving points of the tiling. A corner is held by all cells that meet there; grabbing an edge makes a corner in it.
 *
 * The cells in the hand are few: they are copied into a layer of their own and hidden below, so that a frame of
 * dragging draws them alone anew, however many cells are in view. Nothing has to be prepared for this tool.
 */

import { toPlace } from "./cells.js";

const { interaction, geom, Feature } = window.ol;

const REACH_PX = 9;
const same = (a, b) => a[0] === b[0] && a[1] === b[1];

/** Rings of a polygon or of several, all in one list. */
function ringsOf(geometry) {
  const nested = geometry.getCoordinates();
  return geometry.getType() === "MultiPolygon" ? nested.flat() : nested;
}

/** Distance of a point to an edge, squared, and the nearest point of the edge. */
function nearestOnEdge(point, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  const share = length ? Math.max(0, Math.min(1, ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length)) : 0;
  const at = [a[0] + share * dx, a[1] + share * dy];
  return { at, far: (point[0] - at[0]) ** 2 + (point[1] - at[1]) ** 2 };
}

/** Corner or edge of some cells nearest to a point: {corner} or {edge: [a, b], at}, or null beyond the reach. */
export function nearest(features, point, reach) {
  let corner = null;
  let edge = null;
  let [cornerFar, edgeFar] = [reach * reach, reach * reach];
  for (const feature of features) {
    for (const ring of ringsOf(feature.getGeometry())) {
      for (let i = 1; i < ring.length; i++) {
        const far = (ring[i][0] - point[0]) ** 2 + (ring[i][1] - point[1]) ** 2;
        if (far < cornerFar) [corner, cornerFar] = [ring[i], far];
        const found = nearestOnEdge(point, ring[i - 1], ring[i]);
        if (found.far < edgeFar) [edge, edgeFar] = [{ edge: [ring[i - 1], ring[i]], at: found.at }, found.far];
      }
    }
  }
  return corner ? { corner } : edge;
}

/** Whether a shape has this corner, or this edge in either direction. */
function holds(feature, grip) {
  return ringsOf(feature.getGeometry()).some((ring) =>
    grip.corner
      ? ring.some((at) => same(at, grip.corner))
      : ring.some((at, i) => i > 0 && ((same(ring[i - 1], grip.edge[0]) && same(at, grip.edge[1])) || (same(ring[i - 1], grip.edge[1]) && same(at, grip.edge[0])))));
}

/** Shape with the corner put elsewhere, or with a new corner in the edge. */
function bent(geometry, grip, to) {
  const bendRing = (ring) => {
    if (grip.corner) return ring.map((at) => (same(at, grip.corner) ? to : at));
    const [a, b] = grip.edge;
    return ring.flatMap((at, i) => {
      const next = ring[i + 1];
      const onEdge = next && ((same(at, a) && same(next, b)) || (same(at, b) && same(next, a)));
      return onEdge ? [at, to] : [at];
    });
  };
  const nested = geometry.getCoordinates();
  return geometry.getType() === "MultiPolygon"
    ? new geom.MultiPolygon(nested.map((rings) => rings.map(bendRing)))
    : new geom.Polygon(nested.map(bendRing));
}

export class DragCorners extends interaction.Pointer {
  /**
   * `dropped(verb, arguments, drawing)` is told what was done, and gives a promise: when it fails, the line goes back.
   */
  constructor(map, dropped) {
    super();
    this.map = map;
    this.dropped = dropped;
    this.grip = null;
    this.held = [];
  }

  get source() {
    return this.map.cells.source(this.map.state.leafLevel.code);
  }

  /** What could be gripped at an event of the pointer. */
  gripAt(event) {
    if (this.map.state.shown !== this.map.state.leafLevel) return null;
    const reach = REACH_PX * event.map.getView().getResolution();
    const [x, y] = event.coordinate;
    const features = this.source.getFeaturesInExtent([x - reach, y - reach, x + reach, y + reach]);
    const grip = nearest(features, event.coordinate, reach);
    if (!grip) return null;
    grip.holders = features.filter((feature) => holds(feature, grip));
    return grip.holders.some((feature) => this.map.state.locked.has(feature.getId())) ? null : grip;
  }

  handleMoveEvent(event) {
    if (event.dragging) return;
    const grip = this.gripAt(event);
    const under = this.source.getFeaturesAtCoordinate(event.coordinate)[0];
    this.showHandles(grip, grip ? grip.holders : under ? [under] : []);
    event.map.getTargetElement().style.cursor = grip ? "move" : "";
  }

  /** Small squares on the corners of the cell under the pointer, a ring on what would be gripped. */
  showHandles(grip, features) {
    const near = this.map.zoom >= 14.5;
    const mark = `${features.map((feature) => feature.getId()).join()}|${grip ? grip.corner || grip.at : ""}`;
    if (mark === this.mark) return;
    this.mark = mark;
    const corners = near ? features.flatMap((feature) => ringsOf(feature.getGeometry()).flat()) : [];
    const shown = [new Feature(new geom.MultiPoint(corners))];
    if (grip) {
      const handle = new Feature(new geom.Point(grip.corner || grip.at));
      handle.set("handle", true);
      shown.push(handle);
    }
    this.map.show("handles", shown);
  }

  handleDownEvent(event) {
    if (event.originalEvent.button !== 0 || this.busy) return false;
    this.grip = this.gripAt(event);
    if (!this.grip) return false;
    if (event.originalEvent.altKey) {
      if (this.grip.corner) this.finish("delete_vertex", { at: toPlace(this.grip.corner) });
      return false;
    }
    this.to = null;
    this.held = this.grip.holders.map((feature) => {
      const copy = new Feature(feature.getGeometry());
      copy.set("of", feature);
      feature.set("hidden", true);
      return copy;
    });
    this.map.show("dragged", this.held);
    return true;
  }

  handleDragEvent(event) {
    this.to = event.coordinate.slice();
    for (const copy of this.held) copy.setGeometry(bent(copy.get("of").getGeometry(), this.grip, this.to));
    const handle = this.map.overlays.handles.getSource().getFeatures().find((feature) => feature.get("handle"));
    if (handle) handle.getGeometry().setCoordinates(this.to);
  }

  handleUpEvent() {
    const { grip, to } = this;
    if (!to) {
      this.release();
    } else if (grip.corner) {
      this.finish("move_vertex", { from: toPlace(grip.corner), to: toPlace(to) });
    } else {
      this.finish("insert_vertex", { a: toPlace(grip.edge[0]), b: toPlace(grip.edge[1]), at: toPlace(to) });
    }
    return false;
  }

  /** Hand what was done to the server; the line stays as drawn until the answer is there. */
  async finish(verb, given) {
    this.busy = true;
    try {
      await this.dropped(verb, given);
    } finally {
      this.busy = false;
      this.release();
    }
  }

  /** Let go: the cells are drawn again as the plan has them. */
  release() {
    for (const copy of this.held) copy.get("of").unset("hidden");
    this.held = [];
    this.grip = null;
    this.mark = null;
    this.map.clear("dragged", "handles");
  }

  /** Esc: the line goes back, nothing is sent. */
  cancel() {
    if (this.busy) return;
    this.handlingDownUpSequence = false;
    this.release();
  }
}
