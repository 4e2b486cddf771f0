/* Beside the map: the cells in order of the reading, or the card of one of them. */

import { fill, h } from "../kit/dom.js";
import { either, onLanguage, say } from "../kit/i18n.js";
import { get } from "../kit/http.js";
import { cardOf } from "./card.js";

const GS = window.GeoService;
const MOST = 60;
/** Of these less is worse: the worst stand first. */
const LESS_IS_WORSE = new Set(["coverage", "depth", "staffing", "patrol"]);

export class Side {
  constructor(board, { compare }) {
    this.board = board;
    this.compare = compare;
    this.tabs = ["ranking", "card"].map((name) => h("button", { type: "button", role: "tab", t: name, data: { tab: name }, on: { click: () => this.choose(name) } }));
    this.body = h("div", { class: "ld-side-body", role: "tabpanel", tabindex: "0" });
    this.element = h("aside", { class: "ld-side" }, h("div", { class: "ld-tabs", role: "tablist" }, this.tabs), this.body);
    this.chosen = "ranking";
    board.on("coloured", () => this.chosen === "ranking" && this.showRanking());
    board.on("view", ({ moved }) => moved && this.choose(board.view.cell ? "card" : "ranking"));
    board.on("selected", (cell) => cell && this.choose("card"));
    board.on("settled", () => this.chosen === "card" && this.showCard());
    onLanguage(() => this.choose(this.chosen));
  }

  choose(name) {
    this.chosen = name;
    for (const tab of this.tabs) tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
    if (name === "ranking") this.showRanking();
    else this.showCard();
  }

  showRanking() {
    const { board } = this;
    const { cells, view } = board;
    const shapes = board.drawn;
    if (!cells || !shapes || shapes.level !== view.level || cells.level_shown !== view.level) return;
    const lessFirst = LESS_IS_WORSE.has(cells.reading_shown);
    const rows = shapes.codes
      .map((code, i) => ({ code, name: shapes.names[i], level: view.level, value: board.valueOf(code) }))
      .filter((row) => row.value !== null && row.value !== undefined)
      .sort((a, b) => (lessFirst ? a.value - b.value : b.value - a.value) || a.code.localeCompare(b.code));
    const most = cells.percent ? 1 : Math.max(...rows.map((row) => row.value), 1e-9);
    const unit = either(cells.unit.zh, cells.unit.en);
    fill(
      this.body,
      h("h2", { class: "ld-side-title" }, either(cells.title.zh, cells.title.en), h("small", {}, `${say(lessFirst ? "worstFirst" : "mostFirst")}${unit ? ` · ${unit}` : ""}`)),
      h("ol", { class: "ld-ranking" }, rows.slice(0, MOST).map((row, i) => this.rankRow(row, i, cells, most))),
    );
  }

  rankRow(row, i, cells, most) {
    const bar = h("i", { class: "ld-rank-bar" });
    bar.style.width = `${Math.max(1.5, (100 * row.value) / most)}%`;
    bar.style.background = cells.colors[Math.max(0, GS.classOf(row.value, cells.breaks))];
    const push = h("button", { type: "button", on: { click: () => this.board.drill(row) } }, h("span", { class: "ld-rank-no" }, String(i + 1)), h("span", { class: "ld-rank-name" }, row.name || row.code), h("b", {}, GS.number(row.value, cells.percent)), h("span", { class: "ld-rank-line" }, bar));
    return h("li", {}, push);
  }

  async showCard() {
    const { board } = this;
    const cell = board.selected || board.view.cell || (board.summary?.cell.code ? board.summary.cell : null);
    if (!cell) {
      fill(this.body, h("p", { class: "ld-idle", t: "chooseCell" }));
      return;
    }
    const key = `${cell.level} ${cell.code}`;
    if (this.shown !== key || !this.body.querySelector(".ld-card")) fill(this.body, h("p", { class: "ld-idle" }, `${cell.name || cell.code} …`));
    this.shown = key;
    try {
      const query = new URLSearchParams({ cell: cell.code, cell_level: cell.level, ...(board.mode ? { mode: board.mode } : {}) });
      const found = await get(`/v1/lead/card?${query}`, { patience: 60000 });
      if (this.shown !== key || this.chosen !== "card") return;
      const top = this.body.scrollTop;
      fill(this.body, cardOf(found, board, { compare: () => this.compare(cell), into: board.selected && board.below(cell.level) ? () => board.drill(cell) : null }));
      this.body.scrollTop = top;
    } catch (error) {
      if (this.shown === key) fill(this.body, h("p", { class: "ld-idle", role: "alert" }, error.reason || error.message));
    }
  }
}
