/* What was done in the plan, by whom and when, and what the planners say to each other about it. */

import { fromPlace, toPlace } from "./cells.js";
import { button, fill, h, leads, notice } from "./dom.js";
import { either, moment, onLanguage, say } from "./i18n.js";

const { Feature, geom, extent: extents } = window.ol;

/** What a change did, with the names of its cells. */
export const summaryOf = (change) => either(change.summary_zh, change.summary_en) || change.verb;

export class History {
  /** `pickPlace` lets the reader click a place on the map. */
  constructor(state, api, map, pickPlace) {
    Object.assign(this, { state, api, map, pickPlace });
    this.changes = [];
    this.place = null; // of the comment being written
    this.list = h("ol", { class: "pl-history" });
    this.said = h("ul", { class: "pl-comments" });
    this.text = h("textarea", { rows: 2, maxLength: 2000, tHolder: "commentHere" });
    this.pin = button("markPlace", () => this.mark(), { class: "pl-quiet", "aria-pressed": "false" });
    const form = h("form", { class: "pl-comment", on: { submit: (event) => (event.preventDefault(), this.comment()) } }, this.text, h("span", { class: "pl-stack" }, this.pin, h("button", { class: "primary", t: "send" })));
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
    const rows = [...this.changes].reverse().map((change) => leads(h(
      "li",
      { class: change.undone ? "undone" : "" },
      h("p", {}, summaryOf(change)),
      h("small", {}, `${change.number} · ${change.who} · ${moment(change.at)}${change.undone ? ` · ${say("undone")}` : ""}`),
    ), () => this.goTo(change)));
    fill(this.list, rows.length ? rows : h("li", { class: "pl-empty", t: "noChanges" }));
    fill(this.said, (this.comments || []).map((comment) => h(
      "li",
      {},
      h("p", {}, comment.body),
      h("small", {}, `${comment.who} · ${moment(comment.at)} `),
      comment.place ? button("showPlace", () => this.showPlace(comment.place), { class: "pl-quiet" }) : null,
    )));
  }

  goTo(change) {
    const whole = extents.createEmpty();
    const found = (change.cells || []).map((cell) => this.map.cells.find(cell)).filter(Boolean);
    for (const feature of found) extents.extend(whole, feature.getGeometry().getExtent());
    if (extents.isEmpty(whole)) notice(say("noPlace"));
    else this.map.goTo(whole);
  }

  showPlace(place) {
    const point = new geom.Point(fromPlace(place));
    this.map.show("trouble", [new Feature(point)]);
    this.map.goTo(point.getExtent(), Math.max(16, this.map.zoom));
  }

  /** Tie the comment to a place on the map, or untie it. */
  async mark() {
    const coordinate = this.place ? null : await this.pickPlace();
    this.place = coordinate && toPlace(coordinate);
    this.pin.setAttribute("aria-pressed", String(Boolean(this.place)));
    if (coordinate) this.map.show("trouble", [new Feature(new geom.Point(coordinate))]);
    else this.map.clear("trouble");
  }

  async comment() {
    const body = this.text.value.trim();
    if (!body) return;
    try {
      await this.api.comment(body, this.place);
      this.place = null;
      this.pin.setAttribute("aria-pressed", "false");
      this.map.clear("trouble");
      this.text.value = "";
      await this.fetch();
    } catch (error) {
      notice(error.reason || error.message, { kind: "bad" });
    }
  }
}

