/* The panel of a thematic layer (what is shown, level, legend), the title of the page, the key of points. */
"use strict";

(function (GS) {
  function group(label, choices, current, choose) {
    const box = GS.element("div", "gs-choices");
    box.setAttribute("role", "radiogroup");
    box.setAttribute("aria-label", label);
    for (const choice of choices) {
      const button = GS.element("button", "", GS.label(choice.label));
      button.type = "button";
      button.dataset.choice = choice.code;
      button.setAttribute("role", "radio");
      button.setAttribute("aria-checked", String(choice.code === current));
      button.addEventListener("click", () => choose(choice.code));
      box.append(button);
    }
    return box;
  }

  function swatch(color, text, count) {
    const box = GS.element("i", "gs-swatch");
    box.style.background = color;
    return GS.element("li", "", box, GS.element("span", "", text), GS.element("em", "", count));
  }

  function legend({ figures, classes }) {
    const list = GS.element("ul", "gs-legend");
    const count = new Array(figures.breaks.length).fill(0);
    const text = GS.limits(figures.breaks, figures.percent);
    let missing = 0;
    let secret = 0;
    for (const number of classes) if (number === GS.HIDDEN) secret++; else if (number < 0) missing++; else count[number]++;
    if (figures.class_labels) {
      for (let i = figures.class_labels.length - 1; i >= 0; i--) list.append(swatch(figures.colors[i], GS.label(figures.class_labels[i]), GS.number(count[i])));
      return ends(list, missing, secret, figures);
    }
    figures.breaks.forEach((upper, i) => {
      const lower = i ? figures.breaks[i - 1] : figures.lowest;
      const isBelow = i === 0 && lower > upper && upper !== 0; // a fixed class that nothing falls into
      const single = lower === upper || (i === 0 && lower > upper);
      const range = single ? `${isBelow ? "≤ " : ""}${text(upper)}` : `${i ? "> " : ""}${text(lower)} – ${text(upper)}`;
      list.append(swatch(figures.colors[i], range, GS.number(count[i])));
    });
    return ends(list, missing, secret, figures);
  }

  /** Rows of cells without a figure, and of those whose small counts are kept back. */
  function ends(list, missing, secret, figures) {
    if (missing > 0) list.append(swatch(GS.NO_DATA, GS.words("无数据", "no data"), GS.number(missing)));
    if (secret) list.append(swatch(GS.KEPT_BACK, GS.words(`小于 ${figures.hidden_below}，不显示`, `below ${figures.hidden_below}, kept back`), GS.number(secret)));
    return list;
  }

  const STEP_MS = 450;

  /** Slider over the moments of figures that have several; it stays while the reader drags it. */
  GS.Slider = class {
    constructor(theme) {
      this.theme = theme;
      this.range = GS.element("input", "gs-range");
      Object.assign(this.range, { type: "range", min: 0, step: 1 });
      this.range.setAttribute("aria-label", "时刻 Moment");
      this.play = GS.element("button", "gs-play");
      this.play.type = "button";
      this.said = GS.element("output", "gs-moment");
      this.box = GS.element("div", "gs-slider", GS.element("div", "gs-slider-row", this.play, this.range), this.said);
      this.range.addEventListener("input", () => theme.chooseFrame(Number(this.range.value)));
      this.play.addEventListener("click", () => this.run(!this.timer));
      this.run(false);
    }

    run(on) {
      clearInterval(this.timer);
      this.timer = on ? setInterval(() => this.theme.chooseFrame((Number(this.range.value) + 1) % (Number(this.range.max) + 1)), STEP_MS) : 0;
      this.play.textContent = on ? "❚❚" : "▶";
      this.play.setAttribute("aria-label", on ? "暂停 Pause" : "播放 Play");
    }

    update({ figures, frame }) {
      this.box.hidden = !figures.frames;
      if (!figures.frames) return;
      this.range.max = figures.frames.labels.length - 1;
      this.range.value = frame;
      this.said.replaceChildren(GS.label(figures.frames.labels[frame]));
    }
  };

  GS.Panel = L.Control.extend({
    options: { position: "topright" },

    initialize(theme) {
      this.theme = theme;
    },

    onAdd() {
      this._box = GS.element("section", "gs-panel");
      this._box.setAttribute("aria-label", "图例 Legend");
      this._body = GS.element("div", "gs-panel-body");
      this._title = GS.element("h2", "");
      this._slider = new GS.Slider(this.theme);
      this._box.append(GS.foldButton(this._box, "legend"), this._title, this._slider.box, this._body);
      L.DomEvent.disableClickPropagation(this._box).disableScrollPropagation(this._box);
      return this._box;
    },

    onRemove() {
      this._slider.run(false);
    },

    update(drawing) {
      this._slider.update(drawing);
      const { config, measure, chosen } = this.theme;
      const { figures, level, shapes, far } = drawing;
      const unit = figures.unit.zh ? GS.element("p", "gs-unit", GS.words(`单位：${figures.unit.zh}`, `Unit: ${figures.unit.en || figures.unit.zh}`)) : null;
      const levels = [{ code: "auto", label: { zh: "自动", en: "Auto" } }, ...config.levels];
      const parts = [unit];
      if (config.measures.length > 1) parts.push(group("指标 Measure", config.measures, measure, (code) => this.theme.choose({ measure: code })));
      if (config.levels.length > 1) parts.push(group("层级 Level", levels, chosen, (code) => this.theme.choose({ level: code })));
      const shown = GS.element("p", "gs-shown", GS.label(level.label), ` · ${GS.number(shapes.codes.length)}`);
      const nearer = GS.element("p", "gs-shown", GS.label({ zh: "放大后按网格显示", en: "Zoom in for figures by cell" }));
      const method = GS.element("p", "gs-method", GS.label(figures.method_label));
      parts.push(...(far ? [nearer] : [shown, legend(drawing), method]));
      if (figures.note) parts.push(GS.element("p", "gs-note", GS.label(figures.note)));
      this._title.replaceChildren(GS.label(figures.title));
      this._body.replaceChildren(...parts.filter(Boolean));
    },
  });

  /** Title of the page at the top left. */
  GS.heading = function (map, config) {
    const Heading = L.Control.extend({
      options: { position: "topleft" },
      onAdd() {
        const box = GS.element("header", "gs-heading", GS.element("h1", "", GS.label(config.title)));
        if (config.subtitle) box.append(GS.element("p", "", GS.label(config.subtitle)));
        if (config.language_switch) box.append(GS.langSwitch());
        L.DomEvent.disableClickPropagation(box);
        return box;
      },
    });
    new Heading().addTo(map);
  };

  /** Key of what is drawn over the cells, at the bottom left; one row for each layer that is on. */
  GS.key = function (map) {
    if (map._gsKey) return map._gsKey;
    const Key = L.Control.extend({
      options: { position: "bottomleft" },
      onAdd() {
        this.list = GS.element("ul", "gs-key");
        this.list.hidden = true;
        return this.list;
      },
      add(row) {
        this.list.append(row);
        this.list.hidden = false;
      },
      drop(row) {
        row.remove();
        this.list.hidden = !this.list.children.length;
      },
    });
    map._gsKey = new Key().addTo(map);
    return map._gsKey;
  };
})(window.GeoService);
