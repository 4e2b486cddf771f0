/* What lies over the cells: responders as points, incidents as heat. */
"use strict";

(function (GS) {
  function tooltip(unit) {
    const box = GS.element("div", "", GS.element("b", "", unit.name));
    if (unit.role) box.append(GS.label(unit.role, "gs-code"));
    if (unit.note) box.append(GS.element("div", "gs-line", GS.label(unit.note)));
    return box;
  }

  /** Size of a dot at a zoom. */
  function dotStyle(zoom) {
    const radius = Math.max(2.6, Math.min(5, 2.6 + (zoom - 11) * 0.7));
    return { radius, weight: radius < 3 ? 0.8 : 1.4 };
  }

  const REACH_FROM = 13;

  /** Responders or stations: {source, label, color}. */
  GS.UnitsLayer = L.LayerGroup.extend({
    initialize(config) {
      L.LayerGroup.prototype.initialize.call(this);
      this.config = config;
      const dot = GS.element("i", "gs-dot");
      dot.style.background = config.color;
      this._count = GS.element("em", "");
      this._row = GS.element("li", "", dot, GS.label(config.label), this._count);
    },

    onAdd(map) {
      L.LayerGroup.prototype.onAdd.call(this, map);
      GS.key(map).add(this._row);
      map.on("zoomend", this._resize, this);
      this._resize();
      if (this._asked) return;
      this._asked = true;
      GS.during(GS.load(this.config.source).then(({ units }) => this._take(units)).catch((error) => GS.fail(map, error)));
    },

    onRemove(map) {
      L.LayerGroup.prototype.onRemove.call(this, map);
      GS.key(map).drop(this._row);
      map.off("zoomend", this._resize, this);
      GS.overUnit = false;
    },

    /** From afar hundreds of dots would hide the colours below them. */
    _resize() {
      const style = dotStyle(this._map.getZoom());
      this.eachLayer((dot) => {
        if (dot instanceof L.Circle) dot.setStyle({ opacity: this._map.getZoom() >= REACH_FROM ? 0.7 : 0, fillOpacity: this._map.getZoom() >= REACH_FROM ? 0.05 : 0 });
        else dot.setStyle(style);
      });
    },

    /** How far a thing reaches, as the crow flies; from afar circles would only be a blot. */
    _reachStyle(radius) {
      const near = this._map.getZoom() >= REACH_FROM;
      return { radius, renderer: L.canvas({ pane: "gs-areas", padding: 0.3 }), pane: "gs-areas", interactive: false, color: this.config.color, weight: 1, opacity: near ? 0.7 : 0, fillColor: this.config.color, fillOpacity: near ? 0.05 : 0 };
    },

    _take(units) {
      if (!this._map) {
        this._asked = false; // switched off meanwhile
        return;
      }
      this._count.textContent = GS.number(units.length);
      const style = {
        renderer: L.canvas({ pane: "gs-units", padding: 0.3 }),
        pane: "gs-units",
        ...dotStyle(this._map.getZoom()),
        color: "#fff",
        fillColor: this.config.color,
        fillOpacity: 0.95,
      };
      for (const unit of units) {
        if (unit.reach_m) L.circle([unit.lat, unit.lon], this._reachStyle(unit.reach_m)).addTo(this);
        L.circleMarker([unit.lat, unit.lon], style)
          .bindTooltip(() => tooltip(unit), { className: "gs-tooltip", direction: "top", offset: [0, -4], opacity: 1 })
          .on("tooltipopen", () => { GS.overUnit = true; })
          .on("tooltipclose", () => { GS.overUnit = false; })
          .addTo(this);
      }
    },
  });

  GS.unitsLayer = (config) => new GS.UnitsLayer(config);

  const GRADIENT = { 0.15: "#ffeda0", 0.35: "#feb24c", 0.6: "#fc4e2a", 0.85: "#bd0026", 1: "#67001f" };

  /** Incidents as heat, until counts by cell take over: {source, label}. The scale follows the zoom, so that it never saturates. */
  GS.HeatLayer = L.Layer.extend({
    initialize(config) {
      this.config = config;
    },

    onAdd(map) {
      this._count = GS.element("em", "");
      this._row = GS.element("li", "gs-heat-row", GS.element("i", "gs-bar"), GS.label(this.config.label), this._count);
      GS.key(map).add(this._row);
      map.on("zoomend", this._zoomed, this);
      GS.during(GS.load(this.config.source).then((content) => this._take(content)).catch((error) => GS.fail(map, error)));
    },

    onRemove(map) {
      map.off("zoomend", this._zoomed, this);
      GS.key(map).drop(this._row);
      this._cool();
    },

    _take(content) {
      if (!this._map) return;
      const { xy, weight, step_deg: step } = content;
      this._points = [];
      for (let i = 0, x = 0, y = 0; i < xy.length; i += 2) {
        x += xy[i];
        y += xy[i + 1];
        this._points.push([y * step, x * step, weight[i / 2]]);
      }
      const unlocated = content.unlocated ? [" · ", GS.words("无坐标", "unlocated"), ` ${GS.number(content.unlocated)}`] : [];
      this._count.replaceChildren(GS.number(content.located), ...unlocated);
      this._zoomed();
    },

    /** A fresh heat for the zoom: the library's layer cannot change its scale while it is off the map. */
    _zoomed() {
      this._cool();
      const zoom = this._map.getZoom();
      if (!this._points || zoom > GS.heatTo) return;
      const radius = Math.max(10, Math.min(26, 8 + (zoom - 9) * 3));
      const max = this._strongest(zoom, radius);
      const options = { radius, blur: radius * 1.2, max, maxZoom: zoom, minOpacity: 0.06, gradient: GRADIENT };
      this._heat = L.heatLayer(this._points, options).addTo(this._map);
    },

    _cool() {
      if (this._heat) this._heat.remove();
      this._heat = null;
    },

    /** Weight that a spot of the heat's size gathers in the strongest places: what full colour stands for. */
    _strongest(zoom, radius) {
      const size = 256 * 2 ** zoom / radius;
      const spots = new Map();
      for (const [lat, lng, weight] of this._points) {
        const [x, y] = GS.toMercator({ lat, lng });
        const key = Math.floor(x * size) * 67108864 + Math.floor(y * size);
        spots.set(key, (spots.get(key) || 0) + weight);
      }
      const sums = Float64Array.from(spots.values()).sort();
      // blurred spots overlap: what is drawn sums to more than one spot holds
      return Math.max(1, 1.5 * (sums[Math.floor((sums.length - 1) * 0.99)] || 1));
    },
  });

  GS.heatLayer = (config) => new GS.HeatLayer(config);
})(window.GeoService);
