/* A thematic layer: chooses the level and the detail for the zoom, loads shapes and figures, shows them. */
"use strict";

(function (GS) {
  const ENOUGH_PX = 15; // a level is fine enough to choose by itself when its cells are so wide on average
  const BORDER_PX = 7; // below this width cells are drawn without their own borders

  /** Detail the zoom can show: see maps/shapes.py. */
  function detailFor(zoom) {
    const whole = Math.round(zoom);
    return whole <= 11 ? 0 : whole <= 14 ? 1 : 2;
  }

  /** Width in pixels of an average cell of a level. */
  function cellWidth(map, config, level) {
    const [west, south, east, north] = config.bounds;
    const size = map.project([south, east], map.getZoom()).subtract(map.project([north, west], map.getZoom()));
    return Math.sqrt(Math.abs(size.x * size.y) / Math.max(level.cells, 1));
  }

  /** Keep the chosen level in the address, so that a link to the page shows it; a file on disk has none. */
  function rememberLevel(level) {
    const address = new URL(window.location.href);
    if (!address.protocol.startsWith("http")) return;
    if (level === "auto") address.searchParams.delete("level");
    else address.searchParams.set("level", level);
    window.history.replaceState(window.history.state, "", address.href);
  }

  GS.ThemeLayer = L.Layer.extend({
    initialize(config) {
      this.config = config;
      this.chosen = config.level || "auto";
      this.measure = config.measure || config.measures[0].code;
      this._turn = 0;
      this.frame = null;
    },

    onAdd(map) {
      const side = this.config.side ? `-${this.config.side}` : "";
      this._pane = `gs-cells${side}`;
      const paint = { paint: (view, drawing) => this._paintFills(view, drawing), pane: this._pane };
      const lines = { paint: (view, drawing) => this._paintLines(view, drawing), pane: `gs-borders${side}` };
      this._fills = new GS.CellsLayer(paint).addTo(map);
      this._lines = new GS.CellsLayer(lines).addTo(map);
      this._focus = L.polygon([], { pane: "gs-focus", renderer: L.svg({ pane: "gs-focus" }), interactive: false, className: "gs-focus" }).addTo(map);
      this._tooltip = L.tooltip({ className: "gs-tooltip", direction: "top", offset: [0, -8], opacity: 1 });
      if (!this.config.silent) this._panel = new GS.Panel(this).addTo(map);
      map.on("zoomend", this._zoomed, this).on("mousemove click", this._pointed, this).on("mouseout dragstart zoomstart", this._unpoint, this);
      this._zoomed();
    },

    onRemove(map) {
      map.off("zoomend", this._zoomed, this).off("mousemove click", this._pointed, this).off("mouseout dragstart zoomstart", this._unpoint, this);
      this._unpoint();
      for (const part of [this._fills, this._lines, this._focus, this._panel]) if (part) part.remove();
      this._shown = null;
      this._panel = null;
    },

    /** Let the reader choose a level ("auto" follows the zoom) or a measure. */
    choose(choice) {
      this.chosen = choice.level || this.chosen;
      this.measure = choice.measure || this.measure;
      this._zoomed();
      if (choice.level) rememberLevel(choice.level);
      if (this.config.onChoose) this.config.onChoose(choice);
    },

    /** Show another moment of figures that have several. */
    chooseFrame(frame) {
      this.frame = frame;
      if (!this._drawing || !this._drawing.figures.frames) return;
      this._drawing = { ...this._drawing, ...momentOf(this._drawing, frame) };
      this._pointedCell = -1;
      this._redraw();
    },

    /** Level to draw now. */
    level() {
      const { levels, finest } = this.config;
      const fixed = levels.find((level) => level.code === this.chosen);
      if (fixed) return fixed;
      const last = levels.findIndex((level) => level.code === finest);
      const fine = (last < 0 ? levels : levels.slice(0, last + 1)).filter((level) => cellWidth(this._map, this.config, level) >= ENOUGH_PX);
      return fine.length ? fine[fine.length - 1] : levels[0];
    },

    /** Whether heat still stands in the place of the cells. */
    _isFar() {
      return this.config.after_heat && this._map.getZoom() <= GS.heatTo;
    },

    _zoomed() {
      const level = this.level();
      const detail = level.shapes.embedded ? 0 : detailFor(this._map.getZoom());
      const wanted = `${level.code}/${detail}/${this.measure}`;
      if (wanted === this._shown || GS.isOnPaper()) { // on paper stands what was on the screen
        this._redraw();
        return;
      }
      this._shown = wanted;
      const turn = ++this._turn;
      const upper = this.config.levels[this.config.levels.indexOf(level) - 1];
      const parts = [
        loadShapes(level, detail),
        GS.load(level.figures[this.measure], { level: level.code, measure: this.measure }),
        upper ? loadShapes(upper, detail) : null,
      ];
      GS.during(
        Promise.all(parts)
          .then(([shapes, figures, outline]) => {
            if (turn === this._turn && this._map) this._show(level, shapes, figures, outline);
          })
          .catch((error) => {
            this._shown = null;
            if (this._map) GS.fail(this._map, error);
          }),
      );
    },

    _show(level, shapes, figures, outline) {
      if (figures.frames && (this.frame === null || this.frame >= figures.frames.labels.length)) this.frame = figures.frames.start;
      const hidden = new Set(figures.hidden || []);
      const labels = this.config.labels ? shapes.codes.map((code) => labelOf(figures, code)) : null;
      const drawing = { level, shapes, figures, outline, labels, hidden, colors: figures.colors, rows: rowsOf(shapes, figures) };
      this._drawing = { ...drawing, ...momentOf(drawing, this.frame) };
      this._unpoint();
      this._redraw();
    },

    _redraw() {
      if (!this._drawing) return;
      // nearer, the streets matter more than the colour
      this._map.getPane(this._pane).style.opacity = Math.max(0.5, Math.min(0.86, 0.86 - (this._map.getZoom() - 12) * 0.09));
      const drawing = { ...this._drawing, far: this._isFar() };
      this._fills.setDrawing(drawing);
      this._lines.setDrawing(drawing);
      if (this._panel) this._panel.update(drawing);
    },

    _paintFills(view, drawing) {
      if (!drawing.far) GS.paintFills(view, drawing);
    },

    _paintLines(view, drawing) {
      const { shapes, outline, labels, level, far } = drawing;
      const width = cellWidth(this._map, this.config, level);
      if (!far && width >= BORDER_PX) GS.paintBorders(view, { shapes, color: "rgba(52,64,80,.42)", width: width > 30 ? 0.9 : 0.6 });
      if (outline) GS.paintBorders(view, { shapes: outline, color: "rgba(46,57,72,.62)", width: width > 30 ? 1.8 : 1.1 });
      if (labels && !far) GS.paintLabels(view, { shapes, labels, size: 12 });
    },

    _pointed(event) {
      cancelAnimationFrame(this._frame);
      if (this.config.covers && !this.config.covers(event.containerPoint)) {
        this._unpoint();
        return;
      }
      this._frame = requestAnimationFrame(() => this._pointAt(event.latlng));
    },

    _pointAt(latlng) {
      if (!this._map || !this._drawing || this._isFar()) return;
      const { shapes } = this._drawing;
      const cell = GS.cellAt(shapes, ...GS.toMercator(latlng));
      if (cell < 0) {
        this._unpoint();
        return;
      }
      this._tooltip.setLatLng(latlng);
      if (GS.overUnit) this._tooltip.remove(); // one thing is explained at a time
      else if (this._pointedCell === cell) this._tooltip.addTo(this._map);
      if (cell === this._pointedCell) return;
      this._pointedCell = cell;
      const rings = [];
      GS.walkCell(shapes, cell, (x, y, first) => {
        if (first) rings.push([]);
        rings[rings.length - 1].push(GS.toLatLng(x, y));
      });
      this._focus.setLatLngs(rings);
      this._tooltip.setContent(GS.cellTooltip(this._drawing, cell));
      if (!GS.overUnit) this._tooltip.addTo(this._map);
    },

    _unpoint() {
      cancelAnimationFrame(this._frame);
      this._pointedCell = -1;
      if (this._focus) this._focus.setLatLngs([]);
      if (this._tooltip) this._tooltip.remove();
    },
  });

  /** Row of each drawn cell in the frames of its figures; null where they have none. */
  function rowsOf(shapes, { frames }) {
    if (!frames) return null;
    const at = new Map(frames.codes.map((code, row) => [code, row]));
    return Int32Array.from(shapes.codes, (code) => (at.has(code) ? at.get(code) : -1));
  }

  /** Values and classes of the cells at a moment. */
  function momentOf({ shapes, figures, rows, hidden }, frame) {
    const values = rows
      ? Array.from(rows, (row) => (row < 0 ? null : figures.frames.values[figures.frames.state[frame]][row]))
      : shapes.codes.map((code) => figures.values[code]);
    const classes = Int8Array.from(values, (value, cell) => (hidden.has(shapes.codes[cell]) ? GS.HIDDEN : GS.classOf(value, figures.breaks)));
    return { frame, values, classes };
  }

  const decoded = new WeakMap();

  function loadShapes(level, detail) {
    return GS.load(level.shapes, { level: level.code, detail }).then((content) => {
      if (!decoded.has(content)) decoded.set(content, GS.decodeShapes(content));
      return decoded.get(content);
    });
  }

  function labelOf(figures, code) {
    const value = figures.values[code];
    return value === null || value === undefined || value === 0 ? "" : GS.number(value, figures.percent);
  }

  /** What the pointer shows: name, code, figure with its unit, further figures; colours over time where there are few moments. */
  GS.cellTooltip = function (drawing, cell) {
    const { shapes, figures, level, values, classes, hidden } = drawing;
    const code = shapes.codes[cell];
    const box = GS.element("div", "");
    box.append(GS.element("b", "", shapes.names[cell] || code), GS.element("span", "gs-code", GS.label(level.label), ` ${code}`));
    if (hidden.has(code)) {
      box.append(GS.element("div", "gs-line", GS.words(`数目小于 ${figures.hidden_below}，或由此可推知，不显示`, `kept back: below ${figures.hidden_below}, or one could tell`)));
      return box;
    }
    const named = figures.class_labels && classes[cell] >= 0 ? GS.label(figures.class_labels[classes[cell]]) : null;
    box.append(line(figures, values[cell], named));
    for (const extra of figures.extras || []) box.append(line(extra, extra.values[code], null));
    if (figures.frames && figures.frames.labels.length <= MOST_STRIPS) box.append(strip(drawing, cell));
    return box;
  };

  const MOST_STRIPS = 24;

  function line({ title, unit, percent }, value, named) {
    const there = value !== null && value !== undefined;
    const shown = named || (there ? GS.number(value, percent) : GS.words("无数据", "no data"));
    const units = there && !named && unit.zh && !percent ? [" ", GS.label(unit)] : [];
    return GS.element("div", "gs-line", GS.label(title), GS.element("strong", "", shown, ...units));
  }

  /** History of a cell: a block of colour for each moment. */
  function strip({ figures, rows, frame }, cell) {
    const { frames, breaks, colors } = figures;
    const box = GS.element("div", "gs-strip");
    frames.state.forEach((state, i) => {
      const number = rows[cell] < 0 ? -1 : GS.classOf(frames.values[state][rows[cell]], breaks);
      const block = GS.element("i", i === frame ? "gs-now" : "");
      block.style.background = number < 0 ? GS.NO_DATA : colors[number];
      box.append(block);
    });
    const first = frames.labels[0];
    const last = frames.labels[frames.labels.length - 1];
    const ends = GS.element("div", "gs-ends", GS.label(first), GS.label(last));
    return GS.element("div", "", box, ends);
  }

  GS.themeLayer = (config) => new GS.ThemeLayer(config);
})(window.GeoService);
