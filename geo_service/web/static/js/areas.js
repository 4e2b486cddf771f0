/* Areas over the cells: blind spots, isochrones, gaps, exclaves; each with its name and what is said of it. */
"use strict";

(function (GS) {
  const NAMES_FROM_PX = 34; // an area is named when it is so wide
  const MOST_NAMES = 40;

  function tooltip(area) {
    const box = GS.element("div", "", GS.element("b", "", GS.label(area.name)));
    for (const line of area.lines) {
      const { value, unit, percent } = line;
      const missing = value === null || value === undefined;
      const shown = missing ? "—" : typeof value === "number" ? GS.number(value, percent) : typeof value === "string" ? value : GS.label(value);
      const units = !missing && unit && unit.zh ? [" ", GS.label(unit)] : [];
      box.append(GS.element("div", "gs-line", GS.label(line.title), GS.element("strong", "", shown, ...units)));
    }
    return box;
  }

  /** {source, label, color, named} */
  GS.AreasLayer = L.LayerGroup.extend({
    initialize(config) {
      L.LayerGroup.prototype.initialize.call(this);
      this.config = config;
      const mark = GS.element("i", "gs-area");
      mark.style.borderColor = config.color;
      mark.style.background = `${config.color}33`;
      this._count = GS.element("em", "");
      this._row = GS.element("li", "", mark, GS.label(config.label), this._count);
      this._names = L.layerGroup();
    },

    onAdd(map) {
      L.LayerGroup.prototype.onAdd.call(this, map);
      GS.key(map).add(this._row);
      map.on("zoomend moveend", this._write, this);
      this._names.addTo(map);
      if (this._asked) {
        this._write();
        return;
      }
      this._asked = true;
      GS.during(GS.load(this.config.source).then(({ areas }) => this._take(areas)).catch((error) => GS.fail(map, error)));
    },

    onRemove(map) {
      L.LayerGroup.prototype.onRemove.call(this, map);
      GS.key(map).drop(this._row);
      map.off("zoomend moveend", this._write, this);
      this._names.remove();
      GS.overUnit = false;
    },

    _take(areas) {
      if (!this._map) {
        this._asked = false; // switched off meanwhile
        return;
      }
      this._areas = areas.slice().sort((a, b) => b.weight - a.weight);
      this._count.textContent = GS.number(areas.length);
      const { color } = this.config;
      const style = { pane: "gs-areas", renderer: L.svg({ pane: "gs-areas", padding: 0.3 }), color, weight: 1.6, opacity: 0.95, fillColor: color, fillOpacity: 0.2, className: "gs-area-shape" };
      for (const area of this._areas) {
        const rings = area.rings.map((polygon) => polygon.map((ring) => ring.map(([lon, lat]) => [lat, lon])));
        area.shape = L.polygon(rings, style)
          .bindTooltip(() => tooltip(area), { className: "gs-tooltip", sticky: true, direction: "top", offset: [0, -6], opacity: 1 })
          .on("tooltipopen", () => { GS.overUnit = true; })
          .on("tooltipclose", () => { GS.overUnit = false; })
          .addTo(this);
      }
      this._write();
    },

    /** Names of the heaviest areas that are wide enough and do not stand on another name. */
    _write() {
      this._names.clearLayers();
      if (!this._areas || !this.config.named || !this._map) return;
      const taken = [];
      const view = this._map.getBounds();
      for (const area of this._areas) {
        if (taken.length >= MOST_NAMES) break;
        const bounds = area.shape.getBounds();
        if (!view.intersects(bounds)) continue;
        const a = this._map.latLngToLayerPoint(bounds.getNorthWest());
        const b = this._map.latLngToLayerPoint(bounds.getSouthEast());
        if (Math.max(b.x - a.x, b.y - a.y) < NAMES_FROM_PX) continue;
        const at = this._map.latLngToLayerPoint([area.at[1], area.at[0]]);
        const half = Math.max(area.name.zh.length * 13, area.name.en.length * 7) / 2;
        if (taken.some((other) => Math.abs(other.x - at.x) < other.half + half && Math.abs(other.y - at.y) < 18)) continue;
        taken.push({ x: at.x, y: at.y, half });
        const name = GS.label(area.name, "gs-area-name");
        name.style.color = this.config.color;
        const icon = L.divIcon({ className: "gs-area-label", html: name, iconSize: [0, 0] });
        L.marker([area.at[1], area.at[0]], { icon, interactive: false, keyboard: false, pane: "gs-focus" }).addTo(this._names);
      }
    },
  });

  GS.areasLayer = (config) => new GS.AreasLayer(config);
})(window.GeoService);
