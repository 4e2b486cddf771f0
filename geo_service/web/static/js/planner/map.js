/* The map: layers in order, which level is drawn at which zoom, what is fetched for the view. */

import { baseLayer, zoomOf } from "../map/basemap.js";
import { fromPlace, toExtent, toPlace } from "./cells.js";
import * as styles from "./styles.js";

const { Map: OlMap, View, Feature, layer, source, control, interaction } = window.ol;

// a level is drawn by itself from this zoom on: leaves, then so many levels above them
const FROM_ZOOM = [14, 12, 10.3, 0];
const LABEL_PX = 56; // narrower cells have no room for a name
const AGAIN_MS = 3000; // a server that is busy is asked again
const MARGIN = 0.12; // of the view, fetched beyond its edge: neighbours of what is edited are there

export class PlanMap {
  constructor(target, state, cells, tilesUrl) {
    this.state = state;
    this.cells = cells;
    this.base = baseLayer(tilesUrl);
    this.limits = [];
    this.fill = this.cellLayer(10, (feature) => this.cellStyle(feature));
    this.outlines = new Map(state.levels.map((level) => [level.code, this.outlineLayer(level)]));
    this.labels = new layer.Vector({ style: (feature, resolution) => this.labelStyle(feature, resolution), declutter: "cell-names", zIndex: 40, updateWhileInteracting: false });
    this.overlays = {
      locked: this.overlay(50, styles.LOCKED),
      proposal: this.overlay(52, (feature) => styles.groupStyle(feature.get("group"))),
      selected: this.overlay(55, styles.SELECTED),
      trouble: this.overlay(60, styles.TROUBLE),
      news: this.overlay(62, styles.NEWS),
      aim: this.overlay(63, styles.AIM),
      dragged: this.overlay(65, styles.DRAGGED),
      sketch: this.overlay(70, styles.SKETCH),
      handles: this.overlay(75, (feature) => (feature.get("handle") ? styles.HANDLE : styles.CORNER)),
    };
    this.ol = new OlMap({
      target,
      layers: [this.base, this.fill, ...this.outlines.values(), this.labels, ...Object.values(this.overlays)],
      controls: control.defaults.defaults({ attribution: false, rotate: false, zoomOptions: { zoomInTipLabel: "放大 Zoom in", zoomOutTipLabel: "缩小 Zoom out" } }).extend([new control.ScaleLine({ minWidth: 90 })]),
      interactions: interaction.defaults.defaults({ altShiftDragRotate: false, pinchRotate: false, shiftDragZoom: false, doubleClickZoom: false }),
      view: new View({ minZoom: 7, maxZoom: 20, enableRotation: false, showFullExtent: true }),
      moveTolerance: 2,
    });
    this.ol.on("moveend", () => this.settle());
    state.on("level", () => this.settle());
    state.on("figure", () => this.recolor());
    state.on("cells", () => this.redraw());
    state.on("cells", () => this.recolorSoon());
    state.on("selection", () => this.overlays.selected.setSource(sourceOf([...state.selected.values()])));
    state.on("locks", () => this.overlays.locked.setSource(sourceOf([...state.locked].map((key) => this.byKey(key)).filter(Boolean))));
  }

  /** The place that the address names, else the whole plan; from then on the address names the place. */
  begin() {
    this.ol.updateSize();
    const view = this.ol.getView();
    const [zoom, lat, lon] = window.location.hash.slice(1).split("/").map(Number);
    if (Number.isFinite(lon) && zoom > 0) {
      view.setCenter(fromPlace([lon, lat]));
      view.setZoom(zoom);
    } else view.fit(toExtent(this.state.plan.bounds), { padding: [16, 16, 40, 16] });
    this.ol.on("moveend", () => {
      const [x, y] = toPlace(view.getCenter());
      window.history.replaceState(null, "", `#${view.getZoom().toFixed(2)}/${y.toFixed(5)}/${x.toFixed(5)}`);
    });
  }

  /** Let cells light up for a moment: somebody changed them. */
  flash(features) {
    clearTimeout(this.flashing);
    this.show("news", features.map((feature) => new Feature(feature.getGeometry())));
    this.flashing = setTimeout(() => this.clear("news"), 3500);
  }

  cellLayer(zIndex, style) {
    return new layer.Vector({ style, zIndex, renderBuffer: 40, updateWhileAnimating: false, updateWhileInteracting: false });
  }

  outlineLayer(level) {
    const style = styles.outlineStyle(this.state.leafLevel.depth - level.depth);
    return new layer.Vector({ source: this.cells.source(level.code), style, visible: false, zIndex: 30 - level.depth, renderBuffer: 20 });
  }

  overlay(zIndex, style) {
    return new layer.Vector({ source: sourceOf([]), style, zIndex, updateWhileInteracting: true, updateWhileAnimating: true });
  }

  byKey(key) {
    const at = key.indexOf("/");
    return this.cells.find([key.slice(0, at), key.slice(at + 1)]);
  }

  get zoom() {
    return zoomOf(this.ol.getView().getResolution());
  }

  /** Level to draw: the one that was chosen, else what the zoom can show. */
  wantedLevel() {
    const { state } = this;
    if (state.level !== "auto") return state.levelOf(state.level);
    const leaf = state.leafLevel;
    const fit = state.levels.filter((level) => level.depth <= leaf.depth && this.zoom >= FROM_ZOOM[Math.min(leaf.depth - level.depth, 3)]);
    return fit[fit.length - 1] || state.levels[0];
  }

  /** After every move: fetch what the view needs, then draw it. */
  async settle() {
    const { state, cells } = this;
    const level = this.wantedLevel();
    const view = this.ol.getView().calculateExtent(this.ol.getSize());
    const extent = window.ol.extent.buffer(view, MARGIN * window.ol.extent.getWidth(view));
    const upper = state.levels.filter((one) => one.depth < level.depth && one.depth > 0);
    if (state.shown !== level) {
      state.shown = level;
      this.fill.setSource(cells.source(level.code));
      this.labels.setSource(cells.source(level.code));
      for (const [code, outline] of this.outlines) outline.setVisible(upper.some((one) => one.code === code));
      state.select([]);
      this.limits = [];
      state.tell("shown");
    }
    document.documentElement.dataset.ready = "";
    const turn = (this.turn = (this.turn || 0) + 1);
    try {
      const all = await Promise.all([level, ...upper.reverse()].map((one) => cells.ensure(one.code, extent)));
      if (turn !== this.turn) return; // the map has moved on: what it shows now is told by the later call
      if (this.limits.length === 0 || this.countClassed * 1.5 < cells.source(level.code).getFeatures().length) this.recolor();
      state.tell("settled", all[0] !== false);
    } catch (error) {
      if (turn !== this.turn) return;
      if (error.status === 503) setTimeout(() => turn === this.turn && this.settle(), AGAIN_MS); // it is being published
      else state.tell("failed", error);
    }
    if (turn === this.turn) document.documentElement.dataset.ready = "yes";
  }

  /** After a change the figures are others, and so are their classes. */
  recolorSoon() {
    clearTimeout(this.recoloring);
    this.recoloring = setTimeout(() => this.recolor(), 120);
  }

  /** Classes of the figure over the cells that are here. */
  recolor() {
    const { state } = this;
    if (!state.shown) return;
    const features = this.cells.source(state.shown.code).getFeatures();
    this.countClassed = features.length;
    const given = Object.keys(styles.FIGURES).filter((name) => features.some((feature) => Number.isFinite(styles.figureOf(feature, name))));
    if (given.length && given.join() !== state.figures.join()) {
      state.figures = given;
      state.tell("figures");
    }
    this.limits = styles.classesOf(features.map((feature) => styles.figureOf(feature, state.figure)));
    this.redraw();
    state.tell("legend");
  }

  redraw() {
    this.fill.changed();
    this.labels.changed();
  }

  cellStyle(feature) {
    if (feature.get("hidden")) return null;
    const at = styles.classOf(styles.figureOf(feature, this.state.figure), this.limits);
    // nearer, the streets matter more than the colour
    const opacity = this.zoom >= 16.5 ? 0.34 : this.zoom >= 15 ? 0.42 : 0.5;
    return styles.cellStyle(styles.colorOf(at, this.limits.length), opacity, Boolean(feature.get("changed")));
  }

  labelStyle(feature, resolution) {
    const [west, , east] = feature.getGeometry().getExtent();
    if (east - west < LABEL_PX * resolution || feature.get("hidden")) return null;
    const { figure, shown, leafLevel } = this.state;
    const name = feature.get("name") || feature.get("code");
    const near = this.zoom >= FROM_ZOOM[Math.min(leafLevel.depth - shown.depth, 3)] + 1;
    const value = styles.figureOf(feature, figure);
    return styles.labelStyle(name, near && Number.isFinite(value) ? styles.FIGURES[figure](value) : "");
  }

  /** Show places or shapes in one of the overlays, in place of what is there. */
  show(name, features) {
    this.overlays[name].setSource(sourceOf(features));
  }

  clear(...names) {
    for (const name of names) this.overlays[name].getSource().clear();
  }

  /** Bring an extent into sight. */
  goTo(extent, maxZoom = 18, right = 90) {
    this.ol.getView().fit(extent, { padding: [90, right, 90, 90], maxZoom, duration: 250 });
  }
}

/** A source with features. */
export function sourceOf(features) {
  return new source.Vector({ features, wrapX: false });
}
