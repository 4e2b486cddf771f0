/* What was done in the plan, by whom and when, and what the planners say to each other about it. */

import { fill, h, notice } from "./dom.js";
import { either, moment, onLanguage, say } from "./i18n.js";

const { extent: extents } = window.ol;

/** What a change did, with names in the place of codes where they are known. */
export function summaryOf(change, cells) {
  const said = either(change.summary_zh, change.summary_en) || change.verb;
  return (change.cells || []).reduce((text, cell) => text.replace(cell[1], cells.nameOf(cell)), said);
}

export class History {
  constructor(state, api, map) {
    Object.assign(this, { state, api, map });
    this.changes = [];
    this.list = h("ol", { class: "pl-history" });
    this.said = h("ul", { class: "pl-comments" });
    this.text = h("textarea", { rows: 2, maxLength: 2000, tHolder: "commentHere" });
    const form = h("form", { class: "pl-comment", on: { submit: (event) => (event.preventDefault(), this.comment()) } }, this.text, h("button", { class: "primary", t: "send" }));
    this.element = h("div", {}, h("h2", { t: "changes" }), this.list, h("h2", { t: "comments" }), this.said, form);
    this.isOpen = false;
    state.on("history", () => this.isOpen && this.fetch());
    onLanguage(() => this.show());
  }

  opened() {
    this.isOpen = true;
    this.fetch();
  }

  async fetch() {
    try {
      const [{ changes }, comments] = await Promise.all([this.api.changes(), this.api.comments().catch(() => ({ comments: [] }))]);
      this.changes = changes;
      this.comments = comments.comments || [];
      this.show();
    } catch (error) {
      fill(this.list, h("li", { class: "pl-empty" }, error.message));
    }
  }

  show() {
    const rows = [...this.changes].reverse().map((change) => h(
      "li",
      { class: change.undone ? "undone" : "", tabindex: 0, on: { click: () => this.goTo(change) } },
      h("p", {}, summaryOf(change, this.map.cells)),
      h("small", {}, `${change.number} · ${change.who} · ${moment(change.at)}${change.undone ? ` · ${say("undone")}` : ""}`),
    ));
    fill(this.list, rows.length ? rows : h("li", { class: "pl-empty", t: "noChanges" }));
    fill(this.said, (this.comments || []).map((comment) => h("li", {}, h("p", {}, comment.body), h("small", {}, `${comment.who} · ${moment(comment.at)}`))));
  }

  goTo(change) {
    const whole = extents.createEmpty();
    const found = (change.cells || []).map((cell) => this.map.cells.find(cell)).filter(Boolean);
    for (const feature of found) extents.extend(whole, feature.getGeometry().getExtent());
    if (extents.isEmpty(whole)) notice(say("noPlace"));
    else this.map.goTo(whole);
  }

  async comment() {
    const body = this.text.value.trim();
    if (!body) return;
    try {
      await this.api.comment(body);
      this.text.value = "";
      await this.fetch();
    } catch (error) {
      notice(error.reason || error.message, { kind: "bad" });
    }
  }
}

