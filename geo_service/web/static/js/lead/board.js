/*
 * What is looked at, and the figures of it: one object that the parts of the page listen to.
 *
 * A view is a cell (null: all that the key is for), the level of the cells on the map, a reading, and an hour of the
 * week (null: now) with the minute in it. It stands in the address, so that a view can be sent to somebody.
 */

import { get, query } from "../kit/http.js";
import { Stream } from "../dispatch/stream.js";
import { decodeWeek } from "./week_shares.js";

const GS = window.GeoService;
export const READINGS = ["coverage", "depth", "staffing", "incidents", "overdue", "patrol"];
/** Those that tell of a moment; the others tell of days, or of now whatever is asked. */
const OF_A_MOMENT = new Set(["coverage", "depth", "staffing"]);
const POLL_MS = 60000;
const PATIENCE_MS = 180000; // the first answer after a start of the service, on a slow machine
const SLIDE_MS = 150; // so long the slider must rest before the server is asked
const SETTLE_MS = 2500; // after the first of several events

/** Get an address, or take what early.js has asked for already. */
async function fetched(address, options) {
  const early = GS.early?.get(address);
  GS.early?.delete(address);
  return (early && (await early)) || get(address, options);
}

export class Board extends EventTarget {
  constructor(ground) {
    super();
    this.ground = ground;
    this.levels = ground.levels; // [{code, zh, en, cells}], the top first
    this.view = { cell: null, level: null, reading: "coverage", hour: null, minute: 0 };
    this.selected = null; // a cell whose card is shown without looking into it: {code, level, name}
    this.summary = null;
    this.cells = null; // figures of the cells on the map
    this.week = null;
    this.turn = 0;
    this.shapes = new Map();
    this.weeks = new Map();
    this.mode = new URLSearchParams(window.location.search).get("mode") || undefined;
    this.stream = new Stream({
      heard: (topic) => (topic === "edition.published" ? this.tell("edition") : this.touch()),
      lost: () => this.touch(),
      changed: (isUp) => (this.tell("line", isUp), isUp && this.touch()),
    });
  }

  on(name, listener) {
    this.addEventListener(name, (event) => listener(event.detail));
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // ------------------------------------------------------------------------------------------ where we are

  /** The level whose cells lie directly below another and are several, else the next one. */
  below(level) {
    const at = this.levels.findIndex((one) => one.code === level);
    const rest = this.levels.slice(at + 1);
    return (at < 0 ? rest.find((one) => one.cells > 1) || rest[rest.length - 1] : rest[0])?.code ?? null;
  }

  nameOf(code) {
    return this.levels.find((one) => one.code === code);
  }

  /** Levels that may be shown inside of what is looked at. */
  levelsInside() {
    const { cell } = this.view;
    const at = cell ? this.levels.findIndex((one) => one.code === cell.level) + 1 : 0;
    const inside = this.levels.slice(at).filter((one) => cell || one.cells > 1);
    return inside.length ? inside : this.levels.slice(-1);
  }

  /** Begin with what the address asks for. */
  async begin() {
    const asked = new URLSearchParams(window.location.search);
    const reading = asked.get("reading");
    if (READINGS.includes(reading)) this.view.reading = reading;
    this.view.level = this.levels.some((one) => one.code === asked.get("level")) ? asked.get("level") : this.below(null);
    if (asked.get("cell")) {
      try {
        const { properties: found } = await get(`/v1/cells/${encodeURIComponent(asked.get("cell"))}`);
        this.view.cell = { code: found.code, level: found.level, name: found.name };
        if (!asked.get("level")) this.view.level = this.below(found.level) || found.level;
      } catch (error) {
        this.tell("problem", error);
      }
    }
    window.addEventListener("popstate", () => window.location.reload());
    this.stream.open();
    setInterval(() => this.touch(), POLL_MS);
    setInterval(() => (this.stream.check(), this.tell("tick")), 1000);
    await this.look({ moved: true });
  }

  /** Look at something else; what is not said stays. */
  go(change) {
    const was = this.view;
    this.view = { ...was, ...("hour" in change ? { minute: 0 } : {}), ...change };
    if (this.view.hour !== was.hour || this.view.minute !== was.minute) this.instant = null;
    const moved = this.view.cell !== was.cell || this.view.level !== was.level;
    if (moved) Object.assign(this, { selected: null, cells: null });
    this.remember();
    return this.look({ moved });
  }

  /** Look into a cell, or, where there is nothing inside, show its card. */
  drill(cell) {
    const level = this.below(cell.level);
    if (level === null) return this.select(cell);
    return this.go({ cell, level });
  }

  /** Look at what holds the present cell. */
  up() {
    const path = this.path();
    if (!path.length) return Promise.resolve();
    return this.climb(path.length - 2);
  }

  /** Look at the n-th cell of the path, -1 for the whole. */
  climb(n) {
    const cell = n < 0 ? null : this.path()[n];
    const isWhole = !cell || (this.levels[0].cells === 1 && cell.level === this.levels[0].code);
    return isWhole ? this.go({ cell: null, level: this.below(null) }) : this.go({ cell, level: this.below(cell.level) });
  }

  /** Cells from the top of what may be seen down to the one that is looked at. */
  path() {
    const isFresh = this.summary && this.summary.cell.code === (this.view.cell?.code ?? this.summary.cell.code);
    const path = isFresh ? this.summary.cell.path : [this.view.cell].filter(Boolean);
    return this.view.cell ? path.filter((one) => this.levels.some((level) => level.code === one.level)) : [];
  }

  select(cell) {
    this.selected = cell;
    this.tell("selected", cell);
  }

  remember() {
    const address = new URL(window.location.href);
    const { cell, level, reading } = this.view;
    for (const [name, value] of Object.entries({ cell: cell?.code, level, reading })) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    window.history.replaceState(null, "", address);
  }

  // ------------------------------------------------------------------------------------------ the hour of the week

  /** Choose an hour of the week, null for now: figures that the week does not tell are asked for. */
  setHour(hour, minute = 0) {
    Object.assign(this.view, { hour, minute });
    this.instant = null;
    this.tell("hour", hour);
    clearTimeout(this.sliding);
    this.sliding = setTimeout(() => this.lookAtHour(), SLIDE_MS);
  }

  lookAtHour() {
    const asked = [this.fetchInstant()];
    if (this.cells?.address !== this.cellsAddress()) asked.push(this.fetchCells());
    return Promise.all(asked).catch((error) => this.tell("problem", error));
  }

  /** Whether the reading tells of the hour that is chosen. */
  get hasHours() {
    return OF_A_MOMENT.has(this.view.reading);
  }

  /** The moment that is chosen, with its offset; undefined: now. */
  get moment() {
    const { hour, minute } = this.view;
    const { coverage, at } = this.summary ?? {};
    if (hour === null || !coverage) return undefined;
    const local = new Date(Date.parse(`${coverage.monday}T00:00:00Z`) + (hour * 60 + minute) * 60000);
    return `${local.toISOString().slice(0, 19)}${at.slice(-6)}`;
  }

  /** Whether the map shows a whole hour from the week's own figures. */
  get isOfWeek() {
    const { view, cells, week } = this;
    return view.reading === "coverage" && view.hour !== null && !view.minute && cells?.reading_shown === "coverage" && week?.level === view.level;
  }

  /** Hour and minute of the figures on the map, null for now: what is asked for may still be on its way. */
  get shown() {
    return this.isOfWeek ? { hour: this.view.hour, minute: 0 } : this.cells?.hour_shown ?? null;
  }

  /** Value of a cell in what is shown; undefined outside of what is looked at. */
  valueOf(code) {
    const { cells, week, view } = this;
    if (this.isOfWeek) return week.has(code) ? week.share(code, view.hour) : undefined;
    return cells?.level_shown === view.level ? cells.values[code] : undefined;
  }

  cellsAddress() {
    const { level, reading, hour, minute } = this.view;
    const isAsked = hour !== null && this.hasHours && (reading !== "coverage" || minute);
    return `/v1/lead/cells${this.asked({ level, reading, at: isAsked ? this.moment : undefined })}`;
  }

  /** Fetch the cells' figures for what is chosen; what has come too late is dropped. */
  async fetchCells() {
    const address = this.cellsAddress();
    const { level, reading, hour, minute } = this.view;
    const cells = await fetched(address, { patience: PATIENCE_MS });
    if (address !== this.cellsAddress()) return;
    const hasMoment = address.includes("at=");
    this.cells = Object.assign(cells, { address, level_shown: level, reading_shown: reading, hour_shown: hasMoment ? { hour, minute } : null });
    this.tell("cells", cells);
  }

  /** Fetch what an instant within an hour comes to: the week knows whole hours only. */
  async fetchInstant() {
    const { moment } = this;
    if (!moment || !this.view.minute) return;
    const found = await get(`/v1/lead/summary${this.asked({ at: moment })}`, { patience: 60000 });
    if (moment !== this.moment) return;
    this.instant = found;
    this.tell("instant", found);
  }

  // ------------------------------------------------------------------------------------------ figures

  asked(more = {}) {
    const { cell } = this.view;
    return query({ cell: cell?.code, cell_level: cell?.level, mode: this.mode, ...more });
  }

  /** Fetch and tell all that belongs to the view; answers that come too late are dropped. */
  async look({ moved = false } = {}) {
    const turn = ++this.turn;
    const isCurrent = () => turn === this.turn;
    const { level } = this.view;
    this.isLooking = true;
    this.tell("view", { moved });
    const guarded = (promise, take) => promise.then((found) => isCurrent() && take(found)).catch((error) => isCurrent() && this.tell("problem", error));
    await Promise.all([
      guarded(this.shapesOf(level), (shapes) => (this.drawn = shapes, this.tell("shapes", { shapes, moved }))),
      guarded(this.fetchCells(), () => {}),
      guarded(fetched(`/v1/lead/summary${this.asked()}`, { patience: PATIENCE_MS }), (summary) => (this.summary = summary, this.tell("summary", summary))),
    ]);
    if (!isCurrent()) return;
    await guarded(this.weekOf(level), (week) => (this.week = week, this.tell("week", week)));
    if (isCurrent() && this.view.minute && !this.instant) await guarded(this.fetchInstant(), () => {});
    if (!isCurrent()) return;
    this.isLooking = false;
    this.tell("settled");
    if (this.isStale) this.touch();
  }

  /**
   * Something happened, or a minute is over: the figures anew, a little later.
   *
   * Never while figures are on their way: a refresh would drop them, and where answers take longer than events are
   * apart nothing would ever be shown.
   */
  touch() {
    this.isStale = this.isLooking;
    if (this.touched || this.isStale) return;
    this.touched = setTimeout(() => {
      this.touched = null;
      if (this.isLooking) this.isStale = true;
      else this.look();
    }, SETTLE_MS);
  }

  shapesOf(level) {
    const { edition, mark } = this.ground;
    const whole = this.levels.find((one) => one.code === level);
    const detail = this.view.cell || whole.cells > 400 ? 1 : 0;
    const address = `/maps/shapes/${edition}/${level}.json?detail=${detail}&v=${mark}`;
    if (!this.shapes.has(address)) {
      const answer = fetched(address, { patience: 60000 }).then((content) => GS.decodeShapes(content));
      answer.catch(() => this.shapes.delete(address));
      this.shapes.set(address, answer);
    }
    return this.shapes.get(address);
  }

  weekOf(level) {
    const address = `/v1/lead/week${this.asked({ level })}`;
    const kept = this.weeks.get(address);
    if (kept && Date.now() - kept.at < 15 * 60000) return kept.answer;
    const answer = get(address, { patience: 120000 }).then(decodeWeek);
    answer.catch(() => this.weeks.delete(address));
    this.weeks.set(address, { at: Date.now(), answer });
    return answer;
  }
}
