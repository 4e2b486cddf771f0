/* What the rules object to: a list that leads to the place, and the way to accept a finding with a reason. */

import { readGeometry } from "./cells.js";
import { button, dialog, fill, h, leads, notice } from "./dom.js";
import { either, onLanguage, say } from "./i18n.js";

const { Feature, extent: extents } = window.ol;
export const WEIGHT = { error: 0, warning: 1, note: 2 };
const MOST_ROWS = 200;

/** The day a year from now: an exception does not last for ever. */
function inAYear() {
  const now = new Date();
  const two = (value) => String(value).padStart(2, "0");
  return `${now.getFullYear() + 1}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

/** Whether a piece of land is found apart that may be meant to be so. */
const canDeclare = (finding) => finding.rule === "contiguous" && canWaive(finding);

/** Whether a finding can be accepted; some rules keep the tiling whole and cannot be set aside. */
export const canWaive = (finding) => !finding.waived && finding.severity !== "note" && finding.can_be_waived !== false;

export class Findings {
  constructor(state, api, map, badge) {
    Object.assign(this, { state, api, map, badge });
    this.scope = "touched";
    this.list = h("ul", { class: "pl-findings" });
    this.scopes = h("div", { class: "pl-levels" }, ["touched", "all"].map((scope) => button(scope, () => this.choose(scope), { data: { scope } })));
    this.element = h("div", {}, h("div", { class: "pl-row" }, this.scopes), this.list);
    // the answer to a change holds only what it touched: the whole list is asked for when the dust has settled
    state.on("changed", () => this.soon());
    state.on("judged", () => this.soon()); // somebody else waived one, or declared an exclave
    state.on("plan", () => this.show()); // a plan that was published meanwhile accepts nothing any more
    onLanguage(() => this.show());
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(), 300);
  }

  choose(scope) {
    this.scope = scope;
    this.fetch();
  }

  async fetch() {
    const turn = (this.turn = (this.turn || 0) + 1);
    for (const one of this.scopes.children) one.setAttribute("aria-checked", String(one.dataset.scope === this.scope));
    this.list.classList.add("waiting");
    try {
      const { findings } = await this.api.findings(this.scope);
      if (turn !== this.turn) return;
      this.state.findings = findings;
      this.show();
    } catch (error) {
      if (turn === this.turn) fill(this.list, h("li", { class: "pl-empty" }, error.message));
    } finally {
      this.list.classList.remove("waiting");
    }
  }

  show() {
    const { findings } = this.state;
    const open = findings.filter((finding) => !finding.waived);
    this.badge("findings", open.length, open.some((finding) => finding.severity === "error"));
    const sorted = [...findings].sort((a, b) => Boolean(a.waived) - Boolean(b.waived) || WEIGHT[a.severity] - WEIGHT[b.severity]);
    if (!sorted.length) return fill(this.list, h("li", { class: "pl-empty", t: this.scope === "all" ? "noFindings" : "noFindingsTouched" }));
    return fill(this.list, sorted.slice(0, MOST_ROWS).map((finding) => this.row(finding)), sorted.length > MOST_ROWS ? h("li", { class: "pl-soft" }, say("andMore", { count: sorted.length - MOST_ROWS })) : null);
  }

  /** One finding; a click brings it into sight. */
  row(finding) {
    const said = either(finding.message_zh, finding.message);
    const go = () => this.goTo(finding);
    const waive = canWaive(finding) && this.state.canEdit ? button("waive", (event) => (event.stopPropagation(), this.waive(finding)), { class: "pl-quiet" }) : null;
    const declare = canDeclare(finding) && this.state.canEdit ? button("declare", (event) => (event.stopPropagation(), this.declare(finding)), { class: "pl-quiet" }) : null;
    const remedy = either(finding.remedy_zh, finding.remedy);
    return leads(h(
      "li",
      { class: finding.waived ? "waived" : finding.severity },
      h("p", {}, h("b", { t: finding.waived ? "waived" : `severity_${finding.severity}` }), ` ${said}`),
      remedy ? h("p", { class: "pl-soft" }, remedy) : null,
      finding.waived ? h("p", { class: "pl-soft" }, `${finding.waived.who || ""}: ${finding.waived.why || ""}`) : null,
      waive,
      declare,
    ), go);
  }

  goTo(finding) {
    const geometry = readGeometry(finding.geometry);
    const shapes = geometry ? [new Feature(geometry)] : (finding.cells || []).map((cell) => this.map.cells.find(cell)).filter(Boolean).map((cell) => new Feature(cell.getGeometry()));
    if (!shapes.length) return notice(say("noPlace"));
    const whole = extents.createEmpty();
    for (const shape of shapes) extents.extend(whole, shape.getGeometry().getExtent());
    this.map.show("trouble", shapes);
    this.map.goTo(whole, 18);
    return undefined;
  }

  /** Accept a finding. True when the server has it. */
  waive(finding) {
    return this.settle(finding, "waive", (why, until) => this.api.waive(finding.rule, finding.cells, why, until));
  }

  /** Say that the land found apart is meant to be so. True when the server has it. */
  declare(finding) {
    return this.settle(finding, "declare", (why, until) => this.api.declareExclave(finding.cells[0], why, until));
  }

  /** Ask why, and until when, and send it. */
  settle(finding, action, send) {
    return new Promise((resolve) => {
      let kept = false;
      const why = h("textarea", { rows: 3, maxLength: 1000, required: true, tHolder: "waiveHolder" });
      const until = h("input", { type: "date", value: inAYear(), required: true });
      const problem = h("p", { class: "pl-bad", role: "alert", hidden: true });
      const accept = async () => {
        if (!why.value.trim()) return why.focus();
        try {
          await send(why.value.trim(), until.value);
          kept = true;
          box.done();
        } catch (error) {
          problem.textContent = error.reason || error.message;
          problem.hidden = false;
        }
        return undefined;
      };
      const form = h("form", { on: { submit: (event) => (event.preventDefault(), accept()) } }, h("label", {}, h("span", { t: "waiveWhy" }), why), h("label", {}, h("span", { t: "waiveUntil" }), until));
      const box = dialog(action, [h("p", {}, either(finding.message_zh, finding.message)), form, problem], [button("cancel", () => box.done()), button(action, accept, { class: "primary" })], async () => {
        if (kept) await this.fetch();
        resolve(kept);
      });
      why.focus();
    });
  }
}
