/* Before and after: two themes under a bar that is moved; either is clipped to its side. */
"use strict";

(function (GS) {
  const STEP = 0.02;

  /** {sides: [{label, levels}, {label, levels}], measures, bounds, level, finest} */
  GS.CompareLayer = L.LayerGroup.extend({
    initialize(config) {
      L.LayerGroup.prototype.initialize.call(this);
      this.at = 0.5;
      this._themes = config.sides.map(({ levels }, i) => {
        const { measures, bounds, level, finest } = config;
        const own = { levels, measures, bounds, level, finest, side: i ? "after" : "before", silent: i === 0 };
        own.covers = (point) => point.x >= this._x() === (i === 1);
        return new GS.ThemeLayer(own);
      });
      // the panel stands for both sides
      this._themes[1].config.onChoose = (choice) => this._themes[0].choose(choice);
      this._labels = config.sides.map(({ label }, i) => GS.element("span", `gs-side gs-side-${i ? "after" : "before"}`, GS.label(label)));
    },

    onAdd(map) {
      for (const side of ["before", "after"]) {
        for (const [name, order] of [["gs-cells", 350], ["gs-borders", 360]]) {
          const pane = map.getPane(`${name}-${side}`) || map.createPane(`${name}-${side}`);
          pane.style.zIndex = order;
          pane.style.pointerEvents = "none";
          pane.classList.add(`leaflet-${name}-pane`);
        }
      }
      L.LayerGroup.prototype.onAdd.call(this, map);
      for (const theme of this._themes) theme.addTo(map);
      this._bar = this._makeBar();
      map.getContainer().append(this._bar);
      map.on("move zoomend resize viewreset", this._clip, this).on("gs-lay", this._hold, this).on("gs-laid", this._follow, this);
      this._clip();
    },

    onRemove(map) {
      map.off("move zoomend resize viewreset", this._clip, this).off("gs-lay", this._hold, this).off("gs-laid", this._follow, this);
      for (const theme of this._themes) theme.remove();
      this._bar.remove();
      L.LayerGroup.prototype.onRemove.call(this, map);
    },

    _makeBar() {
      const grip = GS.element("button", "gs-grip");
      grip.type = "button";
      grip.setAttribute("role", "slider");
      grip.setAttribute("aria-label", "前后分界 Before and after");
      grip.setAttribute("aria-valuemin", "0");
      grip.setAttribute("aria-valuemax", "100");
      this._grip = grip;
      const bar = GS.element("div", "gs-bar-swipe", this._labels[0], this._labels[1], grip);
      L.DomEvent.disableClickPropagation(bar);
      const drag = (event) => {
        const box = this._map.getContainer().getBoundingClientRect();
        this._to((event.clientX - box.left) / box.width);
      };
      grip.addEventListener("pointerdown", (event) => {
        event.stopPropagation();
        grip.setPointerCapture(event.pointerId);
        grip.addEventListener("pointermove", drag);
        const end = () => grip.removeEventListener("pointermove", drag);
        grip.addEventListener("pointerup", end, { once: true });
        grip.addEventListener("pointercancel", end, { once: true });
      });
      grip.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        this._to(this.at + step);
      });
      return bar;
    },

    _to(share) {
      this.at = Math.max(0.02, Math.min(0.98, share));
      this._clip();
    },

    /** Keep the place that the bar stands over, while the map is laid on a sheet and back. */
    _hold() {
      this._held = this._map.containerPointToLatLng([this._x(), this._map.getSize().y / 2]);
    },

    _follow() {
      this._to(this._map.latLngToContainerPoint(this._held).x / this._map.getSize().x);
    },

    _x() {
      return this._map.getSize().x * this.at;
    },

    _clip() {
      const map = this._map;
      const nw = map.containerPointToLayerPoint([0, 0]);
      const se = map.containerPointToLayerPoint(map.getSize());
      const x = nw.x + this._x();
      const clip = { before: [nw.x, x], after: [x, se.x] };
      for (const [side, [left, right]] of Object.entries(clip)) {
        for (const name of ["gs-cells", "gs-borders"]) {
          map.getPane(`${name}-${side}`).style.clip = `rect(${nw.y}px, ${right}px, ${se.y}px, ${left}px)`;
        }
      }
      this._bar.style.left = `${this._x()}px`;
      this._grip.setAttribute("aria-valuenow", String(Math.round(this.at * 100)));
    },
  });

  GS.compareLayer = (config) => new GS.CompareLayer(config);
})(window.GeoService);
