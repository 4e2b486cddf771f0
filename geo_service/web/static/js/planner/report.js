/* The plan against its base, in short: asked for when the tab is opened. The whole report has a page of its own. */

import { listPlans } from "./api.js";
import { button, fill, h, leads } from "./dom.js";
import { number, onLanguage, say } from "./i18n.js";
import { levelName } from "./styles.js";

// how the figures of a side are written: counts, shares, plain numbers
const COUNTS = ["cells", "households", "residents", "staff", "incidents_year"];
const SHARES = ["coverage_share", "attainment_share"];
const PLAIN = ["workload_gini", "workload_max", "compactness_mean_changed", "rule_errors", "rule_warnings"];

const percent = (value) => (Number.isFinite(value) ? `${number(value * 100, 2)}%` : "—");

export class Report {
  constructor(state, api, map) {
    Object.assign(this, { state, api, map });
    this.body = h("div", {});
    this.against = h("select", { on: { change: () => (this.lead(), this.fetch()) } }, h("option", { value: "", t: "compareEdition" }));
    this.whole = h("a", { target: "_blank", t: "wholeReport" });
    this.paper = h("a", { target: "_blank", t: "onPaper" });
    this.element = h("div", {}, h("label", { class: "pl-row" }, h("span", { class: "pl-soft", t: "compareWith" }), this.against), h("div", { class: "pl-row" }, button("refresh", () => this.fetch(), { class: "pl-quiet" }), this.whole, this.paper), this.body);
    this.lead();
    state.on("changed", () => this.content && fill(this.body, h("p", { class: "pl-soft", t: "reportStale" })));
    state.on("changed", () => (this.content = null));
    onLanguage(() => this.show());
  }

  opened() {
    if (!this.content) this.fetch();
    this.listOthers();
  }

  /** The report on a page and on paper is that which is shown. */
  lead() {
    const query = this.against.value && `?against=${this.against.value}`;
    this.whole.href = `/planner/${this.state.plan.id}/preview${query}`;
    this.paper.href = `${this.api.root}/preview.pdf${query}`;
  }

  /** Other plans to compare with. */
  async listOthers() {
    try {
      const { plans } = await listPlans();
      const chosen = this.against.value;
      const others = plans.filter(({ id, status }) => id !== this.state.plan.id && status !== "dropped");
      fill(this.against, h("option", { value: "", t: "compareEdition" }), others.map(({ id, name }) => h("option", { value: String(id), selected: String(id) === chosen }, `${name} (${id})`)));
      this.lead();
    } catch {
      // the edition is still there to compare with
    }
  }

  async fetch() {
    fill(this.body, h("p", { class: "pl-soft", t: "loading" }));
    try {
      this.content = await this.api.preview(this.against.value);
      this.show();
    } catch (error) {
      fill(this.body, h("p", { class: "pl-bad", role: "alert" }, error.reason || error.message));
    }
  }

  show() {
    const { content } = this;
    if (!content) return;
    const level = this.state.levelOf(content.level);
    fill(
      this.body,
      h("h2", {}, `${say("beforeAfter")} · ${level ? levelName(level) : content.level}`),
      sides(content.before, content.after),
      h("h2", { t: "changeHands" }),
      this.hands(content.hands?.by_level || {}),
      this.foremost("burdened", content.burdened),
      this.foremost("relieved", content.relieved),
    );
  }

  /** What comes to another cell, by level. */
  hands(byLevel) {
    const names = ["households", "buildings", "incidents_open"];
    const rows = this.state.levels
      .filter(({ code, depth }) => byLevel[code] && depth > 0)
      .map((level) => h("tr", {}, h("td", {}, levelName(level)), names.map((name) => h("td", {}, number(byLevel[level.code][name])))));
    return h("table", { class: "pl-cells" }, h("thead", {}, h("tr", {}, ["level", ...names].map((name) => h("th", { t: name })))), h("tbody", {}, rows));
  }

  /** Cells whose work grows or shrinks most. */
  foremost(title, cells) {
    if (!cells?.length) return null;
    const go = (cell) => {
      const feature = this.map.cells.find(cell);
      if (feature) this.map.goTo(feature.getGeometry().getExtent());
    };
    const rows = cells.map(({ cell, name, before, after, step }) => leads(h("tr", {}, h("td", {}, h("b", {}, name || cell[1])), h("td", {}, number(before, 2)), h("td", {}, number(after, 2)), h("td", {}, h("small", { class: step > 0 ? "up" : "down" }, signed(step)))), () => go(cell)));
    return [h("h2", { t: title }), h("table", { class: "pl-cells" }, h("thead", {}, h("tr", {}, ["workload_index", "before", "after", "step"].map((one) => h("th", { t: one })))), h("tbody", {}, rows))];
  }
}

const signed = (step) => (step ? `${step > 0 ? "+" : "−"}${number(Math.abs(step), 2)}` : "");

/** Both sides of the report, figure by figure. */
function sides(before, after) {
  const row = (name, write) => {
    const [was, is] = [before[name], after[name]];
    if (was === undefined && is === undefined) return null;
    const step = Number.isFinite(was) && Number.isFinite(is) ? is - was : 0;
    const shown = write === percent ? step * 100 : step;
    return h("tr", {}, h("td", { t: name }), h("td", {}, write(was)), h("td", {}, write(is)), h("td", {}, Math.abs(shown) >= 0.005 ? h("small", { class: step > 0 ? "up" : "down" }, signed(shown)) : ""));
  };
  const rows = [...COUNTS.map((name) => row(name, number)), ...SHARES.map((name) => row(name, percent)), ...PLAIN.map((name) => row(name, (value) => number(value, 3)))];
  return h("table", { class: "pl-cells" }, h("thead", {}, h("tr", {}, ["figure", "before", "after", "step"].map((name) => h("th", { t: name })))), h("tbody", {}, rows.filter(Boolean)));
}
