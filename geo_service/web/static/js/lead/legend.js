/* The legend over the map: what is shown, its unit and moment, the classes and how many cells each has. */

import { fill, h } from "../kit/dom.js";
import { either, onLanguage, say } from "../kit/i18n.js";
import { query } from "../kit/http.js";
import { hourWords } from "./week.js";

const GS = window.GeoService;

export class Legend {
  constructor(board) {
    this.board = board;
    this.element = h("section", { class: "ld-legend", tLabel: "legend" });
    board.on("coloured", ({ classes }) => this.show(classes));
    board.on("blind", (count) => {
      this.blind = count;
      if (this.classes) this.show(this.classes);
    });
    onLanguage(() => this.classes && this.show(this.classes));
  }

  show(classes) {
    this.classes = classes;
    const { cells, view, shown, hasHours } = this.board;
    if (!cells || !classes) return;
    const unit = either(cells.unit.zh, cells.unit.en);
    const inside = classes.filter((one) => one !== -2);
    const level = this.board.nameOf(view.level);
    const note = shown ? hourWords(shown.hour, shown.minute) : cells.note ? either(cells.note.zh, cells.note.en) : "";
    const kept = view.hour !== null && !hasHours ? say("noHours", { hour: hourWords(view.hour, view.minute) }) : "";
    fill(
      this.element,
      h("h2", {}, either(cells.title.zh, cells.title.en)),
      h("p", { class: "ld-legend-unit" }, unit ? say("unit", { unit }) : null),
      h("ul", {}, this.rows(cells, inside)),
      h("p", { class: "ld-legend-note" }, `${say("cellsOf", { count: GS.number(inside.length), level: either(level.zh, level.en) })} · ${either(cells.method_label.zh, cells.method_label.en)}`),
      h("p", { class: "ld-legend-note" }, note),
      typeof this.blind === "number" ? h("p", { class: "ld-legend-note ld-blind-note" }, h("i", { "aria-hidden": "true" }), say("blindSpots", { count: GS.number(this.blind) })) : null,
      this.blind === "far" ? h("p", { class: "ld-legend-note ld-blind-far" }, say("blindFar"), " ", h("a", { href: `/maps/blind${query({ level: view.level, at: this.board.moment })}`, t: "blindAll" })) : null,
      kept ? h("p", { class: "ld-legend-note ld-no-hours" }, kept) : null,
    );
  }

  rows(cells, inside) {
    const text = GS.limits(cells.breaks, cells.percent);
    const count = (number) => GS.number(inside.filter((one) => one === number).length);
    const row = (color, words, many, none = false) => h("li", {}, h("i", { class: none ? "none" : null, style: none ? null : `background:${color}` }), h("span", {}, words), h("em", {}, many));
    const classes = cells.breaks.map((upper, i) => {
      const lower = i ? cells.breaks[i - 1] : null;
      const words = lower === null ? (upper === 0 ? text(0) : `≤ ${text(upper)}`) : `> ${text(lower)} – ${text(upper)}`;
      return row(cells.colors[i], words, count(i));
    });
    const missing = inside.filter((one) => one === -1).length;
    return [...classes, missing ? row("", say(cells.reading_shown === "coverage" || cells.reading_shown === "depth" ? "nobodyLives" : "noData"), GS.number(missing), true) : null];
  }

  /** The same for a picture: title, unit, and rows of colour and words. */
  forPicture() {
    return {
      title: this.element.querySelector("h2")?.textContent || "",
      unit: this.element.querySelector(".ld-legend-unit")?.textContent || "",
      note: [...this.element.querySelectorAll(".ld-legend-note:not(.ld-blind-far)")].map((one) => one.textContent).filter(Boolean),
      rows: [...this.element.querySelectorAll("li")].map((one) => ({ color: getComputedStyle(one.querySelector("i")).backgroundColor, words: one.querySelector("span").textContent, count: one.querySelector("em").textContent })),
    };
  }
}
