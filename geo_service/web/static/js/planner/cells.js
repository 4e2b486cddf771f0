/* The plan's cells as far as they were seen: fetched by stretches of the map, kept true by every change. */

import { keyOf } from "./state.js";

const { format, proj, extent: extents, source: sources } = window.ol;

// edge of a stretch, as the zoom at which a map tile is so large: leaves are many and small, townships few
const STRETCH_ZOOM = [14, 12, 10, 8];
const MOST_STRETCHES = 240; // the largest screens at the zoom of a level; beyond that there are too many cells
const WORLD_M = 20037508.342789244;
const reader = new format.GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

/** Bounds in degrees of an extent of the map. */
export const toBounds = (extent) => proj.transformExtent(extent, "EPSG:3857", "EPSG:4326");

/** Extent on the map of bounds in degrees. */
export const toExtent = (bounds) => proj.transformExtent(bounds, "EPSG:4326", "EPSG:3857");

/** Place in degrees with seven decimals, which is finer than the lattice of the server: it finds the exact point again. */
export function toPlace(coordinate) {
  return proj.toLonLat(coordinate).map((value) => Number(value.toFixed(7)));
}

export const fromPlace = (place) => proj.fromLonLat(place);

/** Any GeoJSON geometry of the server on the map. */
export const readGeometry = (geometry) => (geometry ? reader.readGeometry(geometry) : null);

export class Cells {
  constructor(api, state) {
    this.api = api;
    this.state = state;
    this.kept = new Map(); // level → {source, stretches: Set}
    this.waiting = new Map(); // level → AbortController
    this.names = new Map(); // key → name, of cells that are gone as well
    for (const level of state.levels) this.kept.set(level.code, { source: new sources.Vector({ wrapX: false }), stretches: new Set() });
  }

  source(level) {
    return this.kept.get(level).source;
  }

  /** Feature of a cell if it was seen. */
  find([level, code]) {
    const kept = this.kept.get(level);
    return kept ? kept.source.getFeatureById(keyOf(level, code)) : null;
  }

  /** Name of a cell, its code without one; also of a cell that is gone. */
  nameOf([level, code]) {
    return this.names.get(keyOf(level, code)) || code;
  }

  /** Cells of a level at a coordinate of the map; a border belongs to both. */
  at(level, coordinate) {
    return this.source(level).getFeaturesAtCoordinate(coordinate);
  }

  stretchSize(level) {
    const steps = this.state.leafLevel.depth - this.state.levelOf(level).depth;
    return (2 * WORLD_M) / 2 ** STRETCH_ZOOM[Math.min(Math.max(steps, 0), 3)];
  }

  /**
   * Fetch what is not here yet of a level within an extent.
   *
   * True when all of it is here, false where there are too many cells; null when a later call has taken over.
   */
  async ensure(level, extent) {
    const { stretches } = this.kept.get(level);
    const size = this.stretchSize(level);
    const [west, south, east, north] = extent.map((value) => Math.floor(value / size));
    if ((east - west + 1) * (north - south + 1) > MOST_STRETCHES) return false;
    const missing = [];
    for (let x = west; x <= east; x++) for (let y = south; y <= north; y++) if (!stretches.has(`${x}/${y}`)) missing.push([x, y]);
    if (!missing.length) return true;
    const range = extents.boundingExtent(missing);
    const wanted = [range[0] * size, range[1] * size, (range[2] + 1) * size, (range[3] + 1) * size];
    this.waiting.get(level)?.abort();
    const call = new AbortController();
    this.waiting.set(level, call);
    try {
      if (!(await this.fetch(level, wanted, call.signal))) return false;
    } catch (error) {
      if (error.name === "AbortError") return null;
      throw error;
    } finally {
      if (this.waiting.get(level) === call) this.waiting.delete(level);
    }
    for (let x = range[0]; x <= range[2]; x++) for (let y = range[1]; y <= range[3]; y++) stretches.add(`${x}/${y}`);
    return true;
  }

  /** Fetch a level within an extent anew; what the plan no longer has there goes. False where there are too many. */
  async fetch(level, extent, signal) {
    for (let turn = 0; ; turn++) {
      const asked = this.state.revision;
      const collection = await this.api.cells(level, toBounds(extent), signal);
      if (collection.numberMatched > collection.numberReturned) return false;
      if (this.state.revision !== asked && turn < 5) continue; // a change came between: the answer may be old
      const seen = new Set();
      this.put(collection.features, seen);
      const { source } = this.kept.get(level);
      source.forEachFeatureInExtent(extent, (feature) => {
        if (!seen.has(feature.getId()) && extents.containsExtent(extent, feature.getGeometry().getExtent())) this.drop(feature);
      });
      return true;
    }
  }

  /** Take over cells as the server describes them; without a shape they keep the one they have. */
  put(described, seen = new Set()) {
    const fresh = new Map();
    for (const one of described) {
      const { level, code } = one.properties;
      const key = keyOf(level, code);
      const kept = this.kept.get(level);
      if (!kept) continue;
      seen.add(key);
      this.names.set(key, one.properties.name);
      const known = kept.source.getFeatureById(key);
      if (known) {
        known.setProperties(one.properties, true);
        if (one.geometry) known.setGeometry(readGeometry(one.geometry));
        else known.changed();
      } else if (one.geometry) {
        const feature = reader.readFeature(one);
        feature.setId(key);
        if (!fresh.has(level)) fresh.set(level, []);
        fresh.get(level).push(feature);
      }
    }
    for (const [level, features] of fresh) this.source(level).addFeatures(features);
  }

  /** Forget all cells: the plan stands on other ground. */
  forget() {
    this.state.select([]);
    for (const { source, stretches } of this.kept.values()) {
      source.clear(true);
      stretches.clear();
    }
  }

  drop(feature) {
    const key = feature.getId();
    this.source(feature.get("level")).removeFeature(feature);
    this.state.locked.delete(key);
    if (this.state.selected.delete(key)) this.state.tell("selection");
  }

  /** Take over the answer to a change: new shapes at once, upper outlines as soon as they are fetched. */
  apply(answer) {
    const { changed, retired } = answer.cells;
    const touched = extents.createEmpty();
    for (const cell of retired) {
      const feature = this.find(cell);
      if (!feature) continue;
      extents.extend(touched, feature.getGeometry().getExtent());
      this.drop(feature);
    }
    for (const one of changed.features) {
      const known = this.find([one.properties.level, one.properties.code]);
      if (known) extents.extend(touched, known.getGeometry().getExtent());
    }
    this.put(changed.features);
    const levels = new Set();
    for (const one of changed.features) {
      const known = this.find([one.properties.level, one.properties.code]);
      if (known) extents.extend(touched, known.getGeometry().getExtent());
      if (!one.geometry) levels.add(one.properties.level);
    }
    for (const [level] of retired) if (level !== this.state.leafLevel.code) levels.add(level);
    this.refreshed = extents.isEmpty(touched) ? null : this.refreshAll(levels, touched);
    this.state.tell("cells");
  }

  /** Fetch levels anew in an extent; what is selected there has its figures then, the area with them. */
  async refreshAll(levels, extent) {
    try {
      await Promise.all([...levels].map((level) => this.refresh(level, extent)));
      if (levels.size && this.state.selected.size) this.state.tell("selection");
    } catch (error) {
      this.state.tell("failed", error);
    }
  }

  /** Fetch what others changed: these cells as they are now, and what became of their land. */
  async refetch(keys) {
    const byLevel = new Map();
    for (const [level, code] of keys) {
      const feature = this.find([level, code]);
      if (!feature) continue;
      if (!byLevel.has(level)) byLevel.set(level, extents.createEmpty());
      extents.extend(byLevel.get(level), feature.getGeometry().getExtent());
    }
    const whole = extents.createEmpty();
    for (const extent of byLevel.values()) extents.extend(whole, extent);
    if (extents.isEmpty(whole)) return;
    await Promise.all(this.state.levels.map(({ code }) => this.refresh(code, whole)));
    this.state.tell("cells");
  }

  /** Fetch a level anew in an extent if it was seen at all. */
  async refresh(level, extent) {
    const { source } = this.kept.get(level);
    const own = extent.slice();
    source.forEachFeatureIntersectingExtent(extent, (feature) => {
      extents.extend(own, feature.getGeometry().getExtent());
    });
    if (!source.getFeaturesInExtent(extent).length) return;
    await this.fetch(level, extents.buffer(own, 1));
    this.state.tell("cells");
  }
}
