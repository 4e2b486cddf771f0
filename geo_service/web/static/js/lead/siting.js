/* One more station: where it would do most, shown on the map with its reach and what it adds. Only what is asked here. */

import { button, fill, h } from "../kit/dom.js";
import { lang, onLanguage, say } from "../kit/i18n.js";
import { get, newKey, post, query } from "../kit/http.js";
import { hourWords } from "./week.js";

const { layer, source, format, style, proj } = window.ol;
const GS = window.GeoService;
const SEARCH_S = 60; // so long a job may look for the proof
const FIRST_MS = 90000; // so long the first answer is waited for
const FAR_M_PX = 24;
const LOOK_MS = 1000;
const MODES = ["walk", "ebike", "car"];
const INK = "#7a1fa2";
const WHITE = "#ffffff";
const FONT = '700 15px "Noto Sans SC","Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif';

const share = (value) => GS.number(value, true, 1);
const whole = (value) => GS.number(value, false, 0);

/** What stands already: the people on duty at the moment that is looked at, or the stations, as if always staffed. */
const BASES = ["on_duty", "stations"];

/** The square of a station that stands: seen from far away hundreds of them must leave names and shares legible. */
function standing(radius) {
  return new style.RegularShape({ points: 4, radius, angle: Math.PI / 4, fill: new style.Fill({ color: "#1b2530" }), stroke: new style.Stroke({ color: WHITE, width: radius / 4 }) });
}

/** How a feature of the answer is drawn. */
function drawn(feature, resolution) {
  const part = feature.get("part");
  if (part === "reach") return new style.Style({ stroke: new style.Stroke({ color: INK, width: 2.4, lineDash: [7, 5] }), fill: new style.Fill({ color: "rgba(122,31,162,.12)" }) });
  if (part === "standing") return new style.Style({ image: standing(resolution > FAR_M_PX ? 3.5 : 6) });
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
    this.basis = BASES[0];
    onLanguage(() => this.found && this.show());
    board.on("view", () => this.follow());
    board.on("hour", () => this.follow());
  }

  /** What is looked at has changed: an answer for another cell goes, one for another hour says so. */
  follow() {
    if (this.element.hidden) return;
    const { cell } = this.board.view;
    if (cell?.code !== this.wish.cell?.code || cell?.level !== this.wish.cell?.level) this.close();
    else if (this.found) this.show();
  }

  /** Whether the answer counts people of another hour than the one that is looked at. */
  get isStale() {
    const { hour, minute } = this.board.view;
    return this.basis === "on_duty" && (hour !== this.hour.hour || minute !== this.hour.minute);
  }

  /** Ask for what is looked at: a first answer at once, and if that is not proved, a job that goes on. */
  async ask() {
    const turn = ++this.turn;
    const { board } = this;
    const { cell, hour, minute } = board.view;
    const at = board.moment ?? board.summary?.at ?? new Date().toISOString();
    this.hour = { hour, minute };
    this.when = () => (hour === null ? say("sitingNow") : hourWords(hour, minute));
    this.wish = {
      goal: "cover_most",
      count: 1,
      limit_s: board.summary?.coverage?.limit_s ?? 300,
      mode: MODES.includes(board.mode) ? board.mode : "ebike",
      existing: [this.basis],
      ...(this.basis === "on_duty" ? { hours: [{ at, hours: 1 }] } : {}),
      seconds: SEARCH_S,
      ...(cell ? { cell: { level: cell.level, code: cell.code } } : {}),
    };
    this.place = cell?.name || board.summary?.cell.name || board.ground.cell.name || say("whole");
    this.found = null;
    this.shapes.clear();
    this.element.hidden = false;
    this.element.dataset.state = "asking";
    fill(this.element, this.head(), this.bases(), h("p", { class: "ld-soft" }, say("sitingSearch", { place: this.place })));
    try {
      await this.first(turn);
      if (this.isCurrent(turn) && !this.found?.answer.is_optimal) await this.goOn(turn);
    } catch (error) {
      if (!this.isCurrent(turn)) return;
      if (this.found) this.show({ isSearching: false });
      else fill(this.element, this.head(), this.bases(), h("p", { role: "alert" }, error.reason || error.message));
      this.element.dataset.state = "over";
    }
  }

  /** The first answer; where it is long in coming, a job is asked instead (see goOn). */
  async first(turn) {
    try {
      await this.take(await post("/v1/siting", this.wish, { key: newKey(), patience: FIRST_MS }), turn);
    } catch (error) {
      if (this.found || !error.isPassing) throw error;
      if (this.isCurrent(turn)) fill(this.element, this.head(), this.bases(), h("p", { class: "ld-soft" }, say("sitingLong", { place: this.place })));
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
        if (!this.found) throw new Error(say("noAnswer"));
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
    this.shapes.addFeatures([...area, ...answer.standing_places.map((lonlat) => point(lonlat, { part: "standing" })), point([site.lon, site.lat], { part: "new", words: this.points(answer) })]);
    if (!this.isInSight(site)) this.map.ol.getView().animate({ center: proj.fromLonLat([site.lon, site.lat]), duration: 350 });
  }

  isInSight({ lon, lat }) {
    const [x, y] = proj.fromLonLat([lon, lat]);
    const [west, south, east, north] = this.map.ol.getView().calculateExtent();
    return x > west && x < east && y > south && y < north;
  }

  /** The difference of the two shares as they are shown, which is what a reader works out himself. */
  points({ before, after }) {
    const [from, to] = [before, after].map(({ share: value }) => Math.round(1000 * value));
    return to === from && after.share > before.share ? say("pointsHardly") : `+${GS.number((to - from) / 10, false, 1)} ${say("points")}`;
  }

  head() {
    return h("header", {}, h("h2", { t: "oneMore" }), button("dismiss", () => this.close(), { class: "quiet" }));
  }

  /** By what it is counted; another choice asks anew. */
  bases() {
    const one = (basis) =>
      h("button", { type: "button", "aria-pressed": String(basis === this.basis), on: { click: () => this.choose(basis) } }, say(`siting_by_${basis}`, { when: this.when() }));
    return h("p", { class: "ld-siting-bases", role: "group", tLabel: "sitingBy" }, BASES.map(one));
  }

  choose(basis) {
    if (basis === this.basis) return;
    this.basis = basis;
    this.ask();
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
      this.bases(),
      this.isStale ? h("p", { class: "ld-siting-stale" }, say("sitingStale", { when: this.when() }), " ", button("sitingAgain", () => this.ask())) : null,
      h("p", { class: `ld-siting-state ${answer.is_optimal ? "proved" : ""}` }, state),
      h("p", { class: "ld-siting-change" }, h("b", {}, share(answer.before.share)), h("i", { "aria-hidden": "true" }, " → "), h("b", { class: "after" }, share(answer.after.share)), h("span", {}, this.points(answer))),
      h("p", {}, site ? say("sitingAdds", { households: whole(site.households_added), minutes: GS.number(this.wish.limit_s / 60, false, 1) }) : say("sitingNothing")),
      site ? h("p", {}, say("sitingAt", { name: site.name || gainers[0] || "", lon: site.lon.toFixed(5), lat: site.lat.toFixed(5) }), gainers.length ? say("sitingGains", { cells: gainers.join(say("and")) }) : "") : null,
      h("p", { class: "ld-soft" }, say(`siting_of_${this.basis}`, { place: this.place, when: this.when(), standing: whole(answer.standing ?? answer.standing_places.length), mode: say(`mode_${this.wish.mode}`), candidates: whole(answer.candidates) })),
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
