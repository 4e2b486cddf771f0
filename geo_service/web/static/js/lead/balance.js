/* Patrols against incidents, beside the map of patrols: did last week's patrols go where incidents are? */

import { fill, h } from "../kit/dom.js";
import { either, say } from "../kit/i18n.js";
import { BesidePatrols } from "./beside_patrols.js";

const GS = window.GeoService;
const percent = (share) => GS.number(share, true);

export class Balance extends BesidePatrols {
  constructor(board) {
    super(board, h("section", { class: "ld-routes ld-balance", tLabel: "balance", hidden: true }));
  }

  address() {
    return `/v1/lead/patrols${this.board.asked({ level: this.board.view.level })}`;
  }

  show() {
    const { found } = this;
    this.element.hidden = !this.isShown;
    const span = say("routesSpan", { from: found.from.slice(5), to: found.to.slice(5) });
    const head = h("header", {}, h("h2", { t: "balance" }), h("small", {}, span));
    if (found.match === null) {
      fill(this.element, head, h("p", { class: "ld-soft" }, say(found.incidents ? "balanceNoPatrols" : "balanceNoIncidents")));
      return;
    }
    const { zh, en } = this.board.nameOf(found.level);
    const level = either(zh, en);
    const counts = { level, hours: GS.number(Math.round(found.hours)), incidents: GS.number(found.incidents) };
    fill(
      this.element,
      head,
      h("p", { class: "ld-routes-sum" }, h("b", {}, percent(found.match)), h("span", {}, say("balanceSum", counts))),
      found.p === null ? null : h("p", { class: "ld-soft" }, say(this.alike(found), { level, p: GS.number(found.p, false, 2) })),
      ...this.list("balanceMore", found.more),
      ...this.list("balanceLess", found.less),
    );
  }

  /** What Spearman's rank correlation says; above the usual one in twenty it says nothing. */
  alike({ rank_correlation: rho, p }) {
    return p >= 0.05 ? "balanceUnrelated" : rho > 0 ? "balanceAlike" : "balanceReverse";
  }

  list(title, cells) {
    if (!cells.length) return [];
    return [h("p", { class: title === "balanceMore" ? "ld-routes-late" : "ld-soft" }, say(title)), h("ol", {}, cells.map((one) => h("li", {}, this.row(one))))];
  }

  row(one) {
    const shares = say("balanceRow", { incidents: percent(one.incident_share), patrols: percent(one.patrol_share) });
    const into = { ...one, level: this.found.level };
    return h("button", { type: "button", data: { cell: one.code }, on: { click: () => this.board.drill(into) } }, h("span", {}, one.name || one.code), h("small", {}, shares));
  }
}
