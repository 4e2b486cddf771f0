/* One more station: where it would do most, shown on the map with its reach and what it adds. Only what is asked here. */

import { button, fill, h } from "../kit/dom.js";
import { lang, onLanguage, say } from "../kit/i18n.js";
import { get, newKey, post, query } from "../kit/http.js";

const { layer, source, format, style, proj } = window.ol;
const GS = window.GeoService;
const SEARCH_S = 60; // so long a job may look for the proof
const LOOK_MS = 1000;
const MODES = ["walk", "ebike", "car"];
const INK = "#7a1fa2";
const WHITE = "#ffffff";
const FONT = '700 15px "Noto Sans SC","Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif';

const share = (value) => GS.number(value, true, 1);
const whole = (value) => GS.number(value, false, 0);

/** How a feature of the answer is drawn. */
function drawn(feature) {
  const part = feature.get("part");
  if (part === "reach") return new style.Style({ stroke: new style.Stroke({ color: INK, width: 2.4, lineDash: [7, 5] }), fill: new style.Fill({ color: "rgba(122,31,162,.12)" }) });
  if (part === "standing") return new style.Style({ image: new style.RegularShape({ points: 4, radius: 6, angle: Math.PI / 4, fill: new style.Fill({ color: "#1b2530" }), stroke: new style.Stroke({ color: WHITE, width: 1.6 }) }) });
  return new style.Style({
    image: new style.RegularShape({ points: 5, radius: 15, radius2: 7, fill: new style.Fill({ color: INK }), stroke: new style.Stroke({ color: WHITE, width: 2 }) }),
    text: new style.Text({ text: feature.get("words"), font: FONT, offsetY: -26, fill: new style.Fill({ color: INK }), stroke: new style.Stroke({ color: WHITE, width: 4 }) }),
    zIndex: 2,
  });
}

export class Siting {
  constructor(board, map) {
    this.board = board;
    this.map = map;
    this.shapes = new source.Vector();
    map.ol.addLayer(new layer.Vector({ source: this.shapes, style: drawn, zIndex: 20 }));
    this.element = h("section", { class: "ld-siting", role: "status", tLabel: "oneMore", hidden: true });
    this.turn = 0;
    onLanguage(() => this.found && this.show());
  }

  /** Ask for what is looked at: a first answer at once, and if that is not proved, a job that goes on. */
  async ask() {
    const turn = ++this.turn;
    const { board } = this;
    const { cell } = board.view;
    this.wish = {
      goal: "cover_most",
      count: 1,
      limit_s: board.summary?.coverage?.limit_s ?? 300,
      mode: MODES.includes(board.mode) ? board.mode : "ebike",
      existing: ["stations"],
      seconds: SEARCH_S,
      ...(cell ? { cell: { level: cell.level, code: cell.code } } : {}),
    };
    this.place = cell?.name || board.summary?.cell.name || board.ground.cell.name || say("whole");
    this.found = null;
    this.shapes.clear();
    this.element.hidden = false;
    this.element.dataset.state = "asking";
    fill(this.element, this.head(), h("p", { class: "ld-soft" }, say("sitingSearch", { place: this.place })));
    try {
      await this.take(await post("/v1/siting", this.wish, { key: newKey(), patience: 180000 }), turn);
      if (this.isCurrent(turn) && !this.found.answer.is_optimal) await this.goOn(turn);
    } catch (error) {
      if (!this.isCurrent(turn)) return;
      if (this.found) this.show({ isSearching: false });
      else fill(this.element, this.head(), h("p", { role: "alert" }, error.reason || error.message));
      this.element.dataset.state = "over";
    }
  }

  isCurrent(turn) {
    return turn === this.turn && !this.element.hidden;
  }

  /** Let a job look for better, and show what it finds as it comes. */
  async goOn(turn) {
    let address = null;
    await post("/v1/siting", this.wish, { key: newKey(), later: true, heard: (response) => (address = response.headers.get("content-location")) });
    while (address && this.isCurrent(turn)) {
      await new Promise((done) => setTimeout(done, LOOK_MS));
      const run = await get(address, { patience: 60000 });
      if (!this.isCurrent(turn)) return;
      const isOver = run.is_over || ["failed", "cancelled"].includes(run.job?.state);
      if (run.answer) await this.take(run, turn, { isOver });
      if (isOver) {
        this.show({ isSearching: false });
        return;
      }
    }
  }

  async take(run, turn, { isOver = run.answer.is_optimal } = {}) {
    if (!this.isCurrent(turn)) return;
    const [site] = run.answer.sites;
    const known = this.found?.answer.sites[0];
    this.found = run;
    this.show({ isSearching: !isOver });
    if (!site || (known && known.lon === site.lon && known.lat === site.lat && this.shapes.getFeatures().length)) return;
    const reach = await get(`/v1/isochrones${query({ place: `${site.lon},${site.lat}`, minutes: this.wish.limit_s / 60, mode: this.wish.mode })}`, { patience: 60000 });
    if (!this.isCurrent(turn)) return;
    this.draw(run, reach);
    this.show({ isSearching: !isOver });
  }

  draw({ answer }, reach) {
    const reader = new format.GeoJSON({ featureProjection: "EPSG:3857" });
    const [site] = answer.sites;
    const point = (lonlat, properties) => reader.readFeature({ type: "Feature", geometry: { type: "Point", coordinates: lonlat }, properties });
    const area = reader.readFeatures(reach);
    for (const one of area) one.set("part", "reach");
    this.shapes.clear();
    this.shapes.addFeatures([...area, ...answer.standing_places.map((lonlat) => point(lonlat, { part: "standing" })), point([site.lon, site.lat], { part: "new", words: `+${this.points(answer)}` })]);
    this.map.ol.getView().animate({ center: proj.fromLonLat([site.lon, site.lat]), duration: this.isInSight(site) ? 0 : 350 });
  }

  isInSight({ lon, lat }) {
    const [x, y] = proj.fromLonLat([lon, lat]);
    const [west, south, east, north] = this.map.ol.getView().calculateExtent();
    return x > west && x < east && y > south && y < north;
  }

  points({ before, after }) {
    return `${GS.number(100 * (after.share - before.share), false, 1)} ${say("points")}`;
  }

  head() {
    return h("header", {}, h("h2", { t: "oneMore" }), button("dismiss", () => this.close(), { class: "quiet" }));
  }

  show({ isSearching = this.isSearching } = {}) {
    this.isSearching = isSearching;
    const { id, answer } = this.found;
    const [site] = answer.sites;
    const gainers = answer.cells.slice(0, 3).map((one) => one.name || one.code); // those that gain most first
    this.element.dataset.state = isSearching ? "searching" : "over";
    const state = say(answer.is_optimal ? "sitingProved" : isSearching ? "sitingSoFar" : "sitingBest", { gap: GS.number(answer.gap, true, 1) });
    fill(
      this.element,
      this.head(),
      h("p", { class: `ld-siting-state ${answer.is_optimal ? "proved" : ""}` }, state),
      h("p", { class: "ld-siting-change" }, h("b", {}, share(answer.before.share)), h("i", { "aria-hidden": "true" }, " → "), h("b", { class: "after" }, share(answer.after.share)), h("span", {}, `+${this.points(answer)}`)),
      h("p", {}, site ? say("sitingAdds", { households: whole(site.households_added), minutes: GS.number(this.wish.limit_s / 60, false, 1) }) : say("sitingNothing")),
      site ? h("p", {}, say("sitingAt", { name: site.name, lon: site.lon.toFixed(5), lat: site.lat.toFixed(5) }), gainers.length ? say("sitingGains", { cells: gainers.join(say("and")) }) : "") : null,
      h("p", { class: "ld-soft" }, say("sitingOf", { place: this.place, standing: whole(answer.standing ?? answer.standing_places.length), mode: say(`mode_${this.wish.mode}`), candidates: whole(answer.candidates) })),
      h("p", { class: "ld-links" }, h("a", { class: "ld-file", t: "sitingMap", href: `/maps/reach${query({ siting: id, mode: this.wish.mode, limit_s: this.wish.limit_s, lang: lang() === "en" ? "en" : undefined })}` })),
    );
  }

  close() {
    this.turn += 1;
    this.found = null;
    this.shapes.clear();
    this.element.hidden = true;
  }
}
