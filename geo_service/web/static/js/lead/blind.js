/* Blind spots over the coverage of cells: outlines of where people live whom nobody reaches in time. */

import { get, query } from "../kit/http.js";

const { layer, source, format, style } = window.ol;
const NEAR_M_PX = 24; // farther away they would be dots
const REST_MS = 300;
const MODES = ["walk", "ebike", "car"];

const outline = new style.Style({ stroke: new style.Stroke({ color: "#b3261e", width: 2, lineDash: [6, 4] }), fill: new style.Fill({ color: "rgba(179,38,30,.18)" }) });

export class Blind {
  /** Of keys for the whole town: blind spots are of the whole. */
  constructor(board, map) {
    this.board = board;
    this.map = map;
    this.shapes = new source.Vector();
    this.layer = new layer.Vector({ source: this.shapes, style: outline, zIndex: 12 });
    map.ol.addLayer(this.layer);
    for (const name of ["view", "cells", "week", "hour", "summary"]) board.on(name, () => this.soon());
    map.ol.on("moveend", () => this.soon());
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.renew(), REST_MS);
  }

  get isAsked() {
    return Boolean(this.board.summary?.coverage) && !this.board.isKiosk && this.board.view.reading === "coverage";
  }

  get isFar() {
    return this.map.ol.getView().getResolution() > NEAR_M_PX;
  }

  /** What is to be drawn, null for nothing: only where the map shows coverage, near enough. */
  address() {
    if (!this.isAsked || this.isFar) return null;
    const { board } = this;
    const { coverage, at } = board.summary;
    const now = `${at.slice(0, 15)}0:00${at.slice(-6)}`; // every ten minutes
    return `/v1/coverage/blind-spots${query({ at: board.moment ?? now, limit_s: coverage.limit_s, cell: board.view.cell?.code, cell_level: board.view.cell?.level, mode: board.mode === "own" ? undefined : MODES.includes(board.mode) ? board.mode : "ebike" })}`;
  }

  async renew() {
    const address = this.address();
    if (!address) this.board.tell("blind", this.isAsked ? "far" : null);
    if (address === this.shown) return;
    this.shown = address;
    this.shapes.clear();
    if (!address) return;
    this.board.tell("blind", null);
    try {
      const found = await get(address, { patience: 60000 });
      if (address !== this.shown) return;
      this.shapes.addFeatures(new format.GeoJSON({ featureProjection: "EPSG:3857" }).readFeatures(found));
      this.board.tell("blind", found.features.length);
    } catch {
      if (address === this.shown) this.shown = undefined; // asked again with the next figures
    }
  }
}
