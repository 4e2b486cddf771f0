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
    for (const number of classes) if (number < 0) missing++; else count[number]++;
    figures.breaks.forEach((upper, i) => {
      const lower = i ? figures.breaks[i - 1] : figures.lowest;
      const single = lower === upper || (i === 0 && lower >= upper);
      const range = single ? text(upper) : `${i ? "> " : ""}${text(lower)} – ${text(upper)}`;
      list.append(swatch(figures.colors[i], range, GS.number(count[i])));
    });
    if (missing) list.append(swatch(GS.NO_DATA, GS.words("无数据", "no data"), GS.number(missing)));
    return list;
  }

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
      this._box.append(GS.foldButton(this._box, "legend"), this._title, this._body);
      L.DomEvent.disableClickPropagation(this._box).disableScrollPropagation(this._box);
      return this._box;
    },

    update(drawing) {
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
