/* Fixed routes, beside the map of patrols: how many turns of the week were walked, and which routes are behind. */

import { fill, h } from "../kit/dom.js";
import { say } from "../kit/i18n.js";
import { BesidePatrols } from "./beside_patrols.js";

const { layer, source, format, style } = window.ol;
const GS = window.GeoService;
const MOST = 30;
const INK = "#7a1fa2";
const FIT = { padding: [70, 70, 70, 260], maxZoom: 16, duration: 350 };

const drawn = [
  new style.Style({ stroke: new style.Stroke({ color: "#ffffff", width: 8 }) }),
  new style.Style({ stroke: new style.Stroke({ color: INK, width: 4.5 }) }),
];

export class Routes extends BesidePatrols {
  constructor(board, map) {
    super(board, h("section", { class: "ld-routes", tLabel: "routes", hidden: true }));
    this.map = map;
    this.shapes = new source.Vector();
    map.ol.addLayer(new layer.Vector({ source: this.shapes, style: drawn, zIndex: 18 }));
  }

  address(more = {}) {
    return `/v1/lead/routes${this.board.asked(more)}`;
  }

  hide() {
    super.hide();
    this.choose(null);
  }

  show() {
    const { found } = this;
    const late = found.routes.filter((one) => one.behind > 0);
    const day = (text) => text.slice(5);
    this.element.hidden = !found.routes.length; // a town without fixed routes need not read of them
    fill(
      this.element,
      h("header", {}, h("h2", { t: "routes" }), h("small", {}, say("routesSpan", { from: day(found.monday), to: day(found.up_to) }))),
      h("p", { class: "ld-routes-sum" }, h("b", {}, `${GS.number(found.done)} / ${GS.number(found.due)}`), h("span", {}, say("routesSum", { turns: GS.number(found.turns) }))),
      h("p", { class: late.length ? "ld-routes-late" : "ld-soft" }, late.length ? say("routesBehind", { late: late.length, all: found.routes.length }) : say("routesNoneBehind", { all: found.routes.length })),
      late.length ? h("ol", {}, late.slice(0, MOST).map((one) => h("li", {}, this.row(one)))) : null,
      h("p", { class: "ld-links" }, h("a", { class: "ld-file", href: this.address({ format: "csv" }), t: "routesCsv" })),
    );
  }

  row(one) {
    const where = one.path.at(-2)?.name; // the grid: the line runs through more than the one small cell
    const note = [where, `${one.from}–${one.to}`, one.is_given_out ? "" : say("routesNobody")].filter(Boolean).join(" · ");
    return h(
      "button",
      { type: "button", "aria-pressed": String(one.code === this.chosen), data: { route: one.code }, on: { click: () => this.choose(one.code === this.chosen ? null : one) } },
      h("span", {}, one.name, h("small", {}, note)),
      h("b", {}, `${one.done} / ${one.due}`),
    );
  }

  /** Show a route's line on the map, null: none. */
  choose(route) {
    this.chosen = route?.code ?? null;
    this.shapes.clear();
    for (const one of this.element.querySelectorAll("[data-route]")) one.setAttribute("aria-pressed", String(one.dataset.route === this.chosen));
    if (!route) return;
    this.shapes.addFeature(new format.GeoJSON({ featureProjection: "EPSG:3857" }).readFeature({ type: "Feature", geometry: route.geometry, properties: {} }));
    this.map.ol.getView().fit(this.shapes.getExtent(), FIT);
  }
}
