/*
 * What is looked at, and the figures of it: one object that the parts of the page listen to.
 *
 * A view is a cell (null: all that the key is for), the level of the cells on the map, a reading, and an hour of the
 * week (null: now). It stands in the address, so that a view can be sent to somebody.
 */

import { get, query } from "../kit/http.js";
import { Stream } from "../dispatch/stream.js";
import { decodeWeek } from "./week_shares.js";

const GS = window.GeoService;
export const READINGS = ["coverage", "depth", "staffing", "incidents", "overdue", "patrol"];
const POLL_MS = 60000;
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
    this.view = { cell: null, level: null, reading: "coverage", hour: null };
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
    this.view = { ...was, ...change };
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

  // ------------------------------------------------------------------------------------------ figures

  asked(more = {}) {
    const { cell } = this.view;
    return query({ cell: cell?.code, cell_level: cell?.level, mode: this.mode, ...more });
  }

  /** Fetch and tell all that belongs to the view; answers that come too late are dropped. */
  async look({ moved = false } = {}) {
    const turn = ++this.turn;
    const isCurrent = () => turn === this.turn;
    const { level, reading } = this.view;
    this.tell("view", { moved });
    const guarded = (promise, take) => promise.then((found) => isCurrent() && take(found)).catch((error) => isCurrent() && this.tell("problem", error));
    await Promise.all([
      guarded(this.shapesOf(level), (shapes) => (this.drawn = shapes, this.tell("shapes", { shapes, moved }))),
      guarded(fetched(`/v1/lead/cells${this.asked({ level, reading })}`, { patience: 60000 }), (cells) => (this.cells = Object.assign(cells, { level_shown: level }), this.tell("cells", cells))),
      guarded(fetched(`/v1/lead/summary${this.asked()}`, { patience: 60000 }), (summary) => (this.summary = summary, this.tell("summary", summary))),
    ]);
    if (!isCurrent()) return;
    await guarded(this.weekOf(level), (week) => (this.week = week, this.tell("week", week)));
    if (isCurrent()) this.tell("settled");
  }

  /** Something happened, or a minute is over: the figures anew, a little later. */
  touch() {
    if (this.touched) return;
    this.touched = setTimeout(() => {
      this.touched = null;
      this.look();
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
