/* The plan against its base, in numbers: asked for when the tab is opened, again after changes. */

import { button, fill, h } from "./dom.js";
import { number, onLanguage, say } from "./i18n.js";

export class Report {
  constructor(state, api, map) {
    Object.assign(this, { state, api, map });
    this.body = h("div", {});
    this.element = h("div", {}, h("div", { class: "pl-row" }, button("refresh", () => this.fetch(), { class: "pl-quiet" })), this.body);
    this.content = null;
    state.on("changed", () => (this.isStale = true));
    onLanguage(() => this.show());
  }

  opened() {
    if (!this.content || this.isStale) this.fetch();
  }

  async fetch() {
    fill(this.body, h("p", { class: "pl-soft", t: "loading" }));
    try {
      this.content = await this.api.preview();
      this.isStale = false;
      this.show();
    } catch (error) {
      fill(this.body, h("p", { class: "pl-bad", role: "alert" }, error.reason || error.message));
    }
  }

  show() {
    if (this.content) fill(this.body, sections(this.content));
  }
}

/** Before and after as tables; further numbers as lists. */
function sections(content) {
  const { before, after, ...rest } = content;
  const made = [];
  if (before && after) made.push(compared(before, after));
  for (const [name, value] of Object.entries(rest)) {
    if (name === "revision" || value === null) continue;
    if (Array.isArray(value)) made.push(h("h3", { t: name }), listed(value));
    else if (typeof value === "object" && value.before && value.after) made.push(h("h3", { t: name }), compared(value.before, value.after));
    else if (typeof value === "object") made.push(h("h3", { t: name }), pairs(value));
  }
  return made;
}

const shown = (value) => (typeof value === "number" ? number(value, Math.abs(value) < 10 ? 3 : 0) : typeof value === "object" ? "" : String(value ?? "—"));

function compared(before, after) {
  const names = Object.keys(after).filter((name) => typeof after[name] !== "object");
  return h("table", { class: "pl-cells" }, h("thead", {}, h("tr", {}, ["figure", "before", "after", "step"].map((name) => h("th", { t: name })))), h("tbody", {}, names.map((name) => {
    const step = typeof after[name] === "number" && typeof before[name] === "number" ? after[name] - before[name] : null;
    return h("tr", {}, h("td", { t: name }), h("td", {}, shown(before[name])), h("td", {}, shown(after[name])), h("td", {}, step ? h("small", { class: step > 0 ? "up" : "down" }, `${step > 0 ? "+" : "−"}${shown(Math.abs(step))}`) : ""));
  })));
}

function pairs(value) {
  return h("dl", { class: "pl-figures" }, Object.entries(value).filter(([, inner]) => typeof inner !== "object").map(([name, inner]) => h("div", {}, h("dt", { t: name }), h("dd", {}, shown(inner)))));
}

function listed(values) {
  if (!values.length) return h("p", { class: "pl-empty" }, say("none"));
  return h("ul", { class: "pl-plain" }, values.slice(0, 50).map((value) => h("li", {}, typeof value === "object" ? Object.values(value).filter((inner) => typeof inner !== "object").map(shown).join(" · ") : shown(value))));
}
