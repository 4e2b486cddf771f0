/* The incident at hand: what it is, where, whose, who goes, what can be done, what was done. */

import { clockTime, span } from "../kit/clock.js";
import { button, drawing, fill, h } from "../kit/dom.js";
import { get, newKey, post, query } from "../kit/http.js";
import { either, onLanguage, say, sayCode } from "../kit/i18n.js";
import { aboutPhotos, logLines } from "./about.js";
import { closeDialog, correctDialog, moveDialog, replyDialog } from "./acts.js";
import { Clocks, isEnded } from "./clocks.js";
import { Escalations } from "./escalation.js";
import { People } from "./people.js";
import { PlacePicker, nearLineWords } from "./place.js";
import { isUnlocated, placeOf } from "./queue.js";
import { URGENCY_SHAPES } from "./signs.js";

// these come about by sending people, not by a button of their own
const BY_SENDING = new Set(["dispatch", "recall", "arrive"]);
const RELOAD_MS = 150;
const ID = /(事件|incident) ?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/g;
const MOST_HOLDERS = 5;
const REFUSAL_MS = 60000; // what was refused is no news any more
const metresBetween = ([lon, lat], [otherLon, otherLat]) => Math.round(Math.hypot((otherLon - lon) * Math.cos((lat * Math.PI) / 180), otherLat - lat) * 111195);
/** What a response standard asks for, from its clocks. */
const standardWords = ({ clocks }) => clocks.filter((one) => one.limit_s).map((one) => `${say(`phase_${one.phase}`)} ${span(one.limit_s)}`).join("，");
const datumName = (code) => ({ GCJ02: "GCJ-02", BD09: "BD-09" })[code] || code;

export class IncidentPanel {
  constructor(desk, map, catalogue) {
    Object.assign(this, { desk, map, catalogue });
    this.clocks = new Clocks("large");
    this.head = h("header", { class: "ds-in-head" });
    this.banner = h("div", { class: "ds-banner", role: "alert", hidden: true });
    this.flags = h("div", { class: "ds-flags" });
    this.escalations = new Escalations(desk, catalogue, { act: (...given) => this.act(...given), cellName: (level, code) => this.nameOfCell({ level, cell_code: code }) });
    this.place = h("section", { class: "ds-part" });
    this.people = new People(desk, map, catalogue, (...given) => this.act(...given));
    this.likes = h("section", { class: "ds-part" });
    this.more = h("section", { class: "ds-part" });
    this.foot = h("footer", { class: "ds-moves" });
    this.body = h("div", { class: "ds-in-body", tabindex: "-1" }, this.banner, this.flags, this.place, this.people.element, this.escalations.element, this.likes, this.more);
    this.element = h("article", { class: "ds-incident", hidden: true, tTitle: "incident" }, this.head, this.clocks.element, this.body, this.foot);
    desk.on("selected", ({ id }) => this.open(id));
    desk.on("row", (id) => id === this.id && this.soon());
    desk.on("cards", (id) => id && id === this.id && this.soon());
    desk.on("tick", (now) => this.clocks.tick(now));
    onLanguage(() => this.incident && this.show());
  }

  /** The keyboard comes here, to no button: what is pressed once more must send nobody. */
  focus() {
    this.body.focus();
  }

  // ------------------------------------------------------------------------------------------- reading

  async open(id) {
    this.id = id;
    this.incident = null;
    this.closePicker();
    this.people.begin();
    this.body.scrollTop = 0;
    this.say(null);
    if (!id) {
      this.element.hidden = true;
      this.map.borders.mark(null);
      return;
    }
    const known = this.desk.rows.get(id);
    if (known?.lon !== null && known?.lon !== undefined) this.map.goTo(known.lon, known.lat);
    await this.load();
    const { incident } = this;
    if (incident?.id === id && incident.lon !== null && !known) this.map.goTo(incident.lon, incident.lat);
  }

  /** Several events of one moment lead to one reading. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), RELOAD_MS);
  }

  async load() {
    const { id } = this;
    if (!id) return;
    const root = `/v1/incidents/${id}`;
    try {
      const [incident, { log }, { dispatches }, likes, { escalations }] = await Promise.all([
        this.desk.ask(root, ({ standing }) => standing?.now),
        get(`${root}/log`),
        get(`${root}/dispatches`),
        get(`${root}/duplicates`),
        get(`/v1/escalations${query({ incident: id, limit: 50 })}`),
      ]);
      if (id !== this.id) return;
      Object.assign(this, { incident, log, dispatches, escalated: escalations, alike: likes });
      this.desk.take(incident);
      this.show();
    } catch (error) {
      if (id === this.id) this.say(error.reason || error.message, { retry: error.isPassing });
    }
  }

  // ------------------------------------------------------------------------------------------- showing

  show() {
    const { incident } = this;
    const { standing, placement } = incident;
    this.element.hidden = false;
    this.element.dataset.id = incident.id;
    this.element.dataset.status = standing?.status || "";
    this.showHead();
    this.clocks.show(standing);
    this.showFlags();
    this.escalations.show(incident, this.escalated);
    this.showPlace();
    this.people.show(incident, this.dispatches);
    this.showLikes();
    this.showMore();
    this.showMoves();
    this.map.borders.mark(placement.level, placement.cell_code);
    this.map.showDoubt(incident.lon, incident.lat, incident.lon === null ? 0 : incident.accuracy_m);
  }

  showHead() {
    const { incident } = this;
    const { standing } = incident;
    const { zone } = this.catalogue;
    const row = { ...incident, ...incident.placement };
    fill(
      this.head,
      h(
        "div",
        { class: "ds-in-title" },
        h("span", { class: `ds-urgency ${incident.urgency}`, title: sayCode("urgency", incident.urgency) }, drawing(URGENCY_SHAPES[incident.urgency] || URGENCY_SHAPES.normal, { filled: true })),
        h("h2", {}, this.catalogue.nameOf(incident.category)),
        standing && h("span", { class: `ds-status ${standing.status}` }, either(standing.status_zh, sayCode("status", standing.status))),
        this.desk.mayAct && standing && h("button", { type: "button", class: "quiet", t: "correct", on: { click: () => correctDialog(this) } }),
      ),
      h("p", { class: "ds-in-where" }, placeOf(row), incident.floor !== null && say("floorIs", { floor: incident.floor })),
      h(
        "p",
        { class: "ds-soft" },
        [
          sayCode("urgency", incident.urgency),
          say("reportedAt", { at: clockTime(standing?.reported_at || incident.occurred_at, zone, { seconds: true }), by: incident.reported_by || incident.source, channel: sayCode("channel", incident.channel) }),
          standing?.replied_at ? say("repliedAt", { at: clockTime(standing.replied_at, zone) }) : "",
        ].filter(Boolean).join(" · "),
        standing && [" · ", h("span", { class: "ds-standard", title: standardWords(standing) }, say("standardIs", { code: standing.standard }))],
      ),
    );
  }

  showFlags() {
    const { incident } = this;
    fill(this.flags, (incident.flags || []).map((flag) => h(
      "div",
      { class: "ds-flag" },
      h("p", {}, flag.flag === "datum" ? say("flagDatum", { guess: datumName(flag.guess), sure: say(`certainty_${flag.certainty}`) }) : either(flag.why_zh, flag.why) || flag.flag),
      flag.flag === "datum" && h("button", { type: "button", class: "quiet", t: "showThere", on: { click: () => this.showThere(flag) } }),
      flag.flag === "datum" && this.desk.mayAct && h("button", { type: "button", class: "ds-accept-guess", on: { click: () => this.acceptGuess(flag) } }, say("acceptGuess", { guess: datumName(flag.guess) })),
    )));
  }

  /** Show where it would be: the place with its cell, and how far that is from where it is now. */
  async showThere(flag) {
    const { incident } = this;
    const where = h("small", {});
    const label = h("p", { class: "ds-tip" }, h("b", {}, say("asGuess", { guess: datumName(flag.guess) })), where);
    this.map.drop({ lon: flag.lon, lat: flag.lat }, h("div", { class: "ds-guess" }, label, h("i", { class: "ds-pin-mark guess" })));
    const apart = metresBetween([incident.lon, incident.lat], [flag.lon, flag.lat]);
    this.map.showShift([incident.lon, incident.lat], [flag.lon, flag.lat], `${say("asSaid")} · ${say("shiftedBy", { metres: apart })}`);
    const at = { lon: flag.lon, lat: flag.lat };
    // the place is shown also where one of the two is not known
    const [found, near] = await Promise.all([
      get(`/v1/locate${query({ ...at, crs: "WGS84", detail: true, accuracy_m: 10 })}`).catch(() => null),
      get(`/v1/addresses${query({ ...at, limit: 1 })}`).catch(() => null),
    ]);
    const cell = found && (found.path[found.path.length - 1]?.name || found.path[found.path.length - 1]?.code || say("inNoCell"));
    const address = near?.addresses[0] && say("nearAddress", { address: near.addresses[0].address });
    where.textContent = [cell, address].filter(Boolean).join(" · ");
  }

  acceptGuess(flag) {
    const body = { lon: flag.lon, lat: flag.lat, crs: "WGS84", reason: say("guessReason", { guess: datumName(flag.guess) }) };
    this.act(() => post(`/v1/incidents/${this.id}/location`, body, { key: newKey() }), { done: () => this.map.drop(null) });
  }

  showPlace() {
    const { incident } = this;
    const { placement } = incident;
    const row = { ...incident, ...placement };
    const picking = this.picker;
    fill(
      this.place,
      h("h3", {}, h("span", {}, say("placeAndOwner")), this.mayWhistle && h("button", { type: "button", class: "quiet ds-push ds-blow", t: "blow", on: { click: () => this.escalations.blow() } }), this.desk.mayAct && incident.standing && !picking && !isUnlocated(row) && h("button", { type: "button", class: "quiet", t: "moveIt", on: { click: () => this.pick() } })),
      h("p", { class: placement.path.length ? "ds-path" : "ds-path none" }, placement.path.map((cell) => cell.name || cell.code).join(" › ") || say(isUnlocated(row) ? "noPlaceYet" : "inNoCell")),
      placement.cell_code && h("p", { class: "ds-soft" }, [placement.cell_code, sayCode("how", placement.how)].join(" · ")),
      this.doubtful(placement),
      h("dl", { class: "ds-owners" }, this.holders(incident)),
      (incident.premises || []).map((one) => h("p", { class: "ds-premises" }, h("b", {}, `${say("premises")}${say("colon")}${one.name}`), ` ${say("unitAnswers", { unit: one.responsible_unit })}`)),
      isUnlocated(row) && this.desk.mayAct && !this.picker && this.makePicker(),
      this.picker && h("div", { class: "ds-relocate" }, this.picker.element, h("div", { class: "ds-row" }, button("locateHere", () => this.relocate(), { class: "primary" }), !isUnlocated(row) && button("cancel", () => (this.closePicker(), this.showPlace())))),
    );
  }

  /** Whether somebody above can be called: the incident goes on and lies in a cell. */
  get mayWhistle() {
    const { standing, placement } = this.incident;
    return this.escalations.mayAct && !isEnded(standing) && placement.path.length > 0 && !this.picker;
  }

  doubtful(placement) {
    const share = placement.runner_up_probability;
    const isNear = share > 0.02 || placement.how === "on_edge" || (placement.border_m !== null && placement.border_m < 5);
    if (!isNear || !placement.runner_up_code) return null;
    const { id, lon, lat, accuracy_m: accuracy } = this.incident;
    if (lon !== null && this.beside?.id !== `${id}/${lon}/${lat}`) {
      this.beside = { id: `${id}/${lon}/${lat}`, owner: null };
      const { beside } = this;
      get(`/v1/locate${query({ lon, lat, crs: "WGS84", detail: true, accuracy_m: Math.max(1, accuracy || 10) })}`).then((found) => {
        beside.owner = found.runner_up_owner;
        if (beside === this.beside && this.incident?.id === id && beside.owner && !this.picker) this.showPlace();
      }, () => {});
    }
    return h("p", { class: "ds-warn" }, nearLineWords({ ...placement, runner_up_owner: this.beside?.owner }), share > 0 ? ` ${say("chance", { share: Math.round(share * 100) })}` : "");
  }

  holders(incident) {
    const steps = [incident.owner, ...(incident.above || [])].filter(Boolean);
    if (!steps.length) return incident.placement.cell_code ? h("p", { class: "ds-warn" }, say("nobodyHolds")) : null;
    return steps.slice(0, 3).flatMap((step, i) => [
      h("dt", {}, i === 0 ? say("owner") : this.nameOfCell(step)),
      h("dd", {}, this.holdersOf(step, i === 0 ? MOST_HOLDERS : 2)),
    ]);
  }

  /** Those who hold a cell, who is on duty first; of many the first few. */
  holdersOf({ people }, most) {
    const inOrder = [...people].sort((a, b) => Number(b.on_duty || 0) - Number(a.on_duty || 0));
    const shown = inOrder.slice(0, most).map((one) => h(
      "span",
      { class: one.on_duty ? "ds-holder on" : "ds-holder" },
      `${one.name}（${sayCode("role", one.role)}）`,
      one.on_duty !== undefined && h("i", {}, say(one.on_duty ? "onDuty" : "offDuty")),
    ));
    const left = inOrder.slice(most);
    return left.length ? [...shown, h("span", { class: "ds-soft", title: left.map((one) => one.name).join("、") }, say("andOthers", { count: left.length }))] : shown;
  }

  nameOfCell({ level, cell_code: code }) {
    const found = this.incident.placement.path.find((cell) => (cell.level === level || !level) && cell.code === code);
    return found?.name || code;
  }

  showLikes() {
    const open = this.alike.proposed.filter((one) => !one.duplicate_of && !isEnded(one));
    const { standing } = this.incident;
    fill(
      this.likes,
      standing?.duplicate_of && h("p", { class: "ds-warn" }, say("isDuplicate"), " ", button("showIt", () => this.desk.select(standing.duplicate_of), { class: "quiet" })),
      (open.length > 0 || this.alike.merged.length > 0) && h("h3", {}, say("maybeSame", { count: open.length })),
      this.alike.merged.length > 0 && h("p", { class: "ds-soft" }, say("merged", { count: this.alike.merged.length })),
      open.slice(0, 5).map((one) => h(
        "div",
        { class: "ds-like" },
        h("span", {}, [clockTime(one.occurred_at, this.catalogue.zone), one.distance_m === null ? "" : say("apart", { metres: Math.round(one.distance_m) }), one.address, one.source].filter(Boolean).join(" · ")),
        button("showIt", () => this.desk.select(one.id), { class: "quiet" }),
        this.desk.mayAct && standing?.status !== "void" && one.status !== "handled" && button("mergeInto", () => this.act(() => post(`/v1/incidents/${this.id}/duplicate`, { of: one.id }, { key: newKey() }))),
      )),
    );
    this.likes.hidden = !this.likes.childElementCount;
  }

  showMore() {
    fill(this.more, aboutPhotos(this.incident), h("h3", {}, say("log")), logLines(this.log, this.escalated, this.told));
  }

  /** What the codes of the log stand for. */
  get told() {
    return {
      catalogue: this.catalogue,
      personName: (code) => this.dispatches.find((one) => one.responder === code)?.name || this.desk.nameOf(code),
      cellName: (level, code) => this.nameOfCell({ level, cell_code: code }),
      cardTitle: (card) => this.escalations.titleOf(card),
    };
  }

  /** Do what a button of the foot says; what must be said for it is asked first. */
  begin(one) {
    if (one.needs_reason) moveDialog(this, one);
    else if (one.move === "close" && !this.incident.standing.replied_at) closeDialog(this);
    else this.move(one.move);
  }

  showMoves() {
    const { standing } = this.incident;
    const isAnyoneSent = this.dispatches.some((one) => !one.ended_at);
    const moves = (standing?.moves || []).filter(({ move }) => !BY_SENDING.has(move) && !(move === "handle" && isAnyoneSent));
    fill(
      this.foot,
      !this.desk.mayAct && h("span", { class: "ds-soft" }, say("readOnly")),
      this.desk.mayAct && moves.map((one, i) => h(
        "button",
        {
          type: "button",
          data: { move: one.move },
          class: i === 0 && !one.needs_reason ? "primary" : one.move === "void" ? "danger" : "",
          on: { click: () => this.begin(one) },
        },
        either(one.zh, one.en),
      )),
      this.desk.mayAct && standing && button("reply", () => replyDialog(this), { class: standing.replied_at ? "" : "ds-push" }),
    );
  }

  // -------------------------------------------------------------------------------------------- acting

  move(move, reason = "") {
    const { revision } = this.incident.standing;
    const key = newKey();
    return this.act(() => post(`/v1/incidents/${this.id}/moves`, { move, reason, revision }, { key }));
  }

  /**
   * Do something to the incident; what the server refuses is said above it, and everything is read anew.
   *
   * With `strict` a refusal is thrown as well: a dialog stays open with it.
   */
  async act(doing, { done, strict = false } = {}) {
    const { id } = this;
    this.say(null);
    this.element.setAttribute("aria-busy", "true");
    try {
      const answer = await doing();
      this.desk.handle(id);
      done?.(answer);
      this.desk.touch(id);
      return answer;
    } catch (error) {
      this.say(error.reason || error.message);
      if (strict) throw error;
      return null;
    } finally {
      this.element.removeAttribute("aria-busy");
      if (id === this.id) this.soon();
    }
  }

  /** The server names incidents by their ids; people know them by what they are. */
  named(text) {
    return (text || "").replace(ID, (whole, word, id) => {
      const row = this.desk.rows.get(id);
      return id === this.id ? say("thisIncident") : row ? say("incidentNamed", { what: this.catalogue.nameOf(row.category) }) : whole;
    });
  }

  say(reason, { retry = false } = {}) {
    const text = this.named(reason);
    clearTimeout(this.saidTimer);
    if (text && !retry) this.saidTimer = setTimeout(() => this.say(null), REFUSAL_MS);
    this.banner.hidden = !text;
    fill(this.banner, text && h("p", {}, text), retry && button("tryAgain", () => this.load()), text && h("button", { type: "button", class: "quiet", t: "dismiss", on: { click: () => this.say(null) } }));
    if (text) this.element.hidden = false;
  }

  // ------------------------------------------------------------------------------------------- place anew

  makePicker() {
    this.picker = new PlacePicker(this.map, { optional: false, changed: (place) => place && this.say(null) });
    return null;
  }

  pick() {
    this.makePicker();
    this.showPlace();
    this.picker.search.focus();
  }

  closePicker() {
    if (this.picker) this.map.drop(null);
    this.picker = null;
  }

  async relocate() {
    const { given } = this.picker;
    if (!Object.keys(given).length) {
      this.say(say("chooseFirst"));
      return;
    }
    await this.act(() => post(`/v1/incidents/${this.id}/location`, { ...given, reason: say("locatedByDesk") }, { key: newKey() }), { done: () => this.closePicker() });
  }
}

