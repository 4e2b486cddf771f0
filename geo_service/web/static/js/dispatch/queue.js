/*
 * The queue: what waits, the most urgent first. A list box: arrows choose, Enter goes to the incident.
 *
 * Nothing jumps: order changes with events only, and when it does, what is chosen stays where it is on the screen.
 */

import { clockTime, serverNow } from "../kit/clock.js";
import { drawing, h, setText } from "../kit/dom.js";
import { either, onLanguage, say, sayCode } from "../kit/i18n.js";
import { cardSigns } from "./cards.js";
import { get, query } from "../kit/http.js";
import { Clocks, isEnded, worst } from "./clocks.js";
import { URGENCY_SHAPES } from "./signs.js";

const DAY_MS = 86400000;
const MOST_ENDED = 1000;
const ROW_PX = 86; // as dispatch.css has it
const FILTERS = {
  open: () => true,
  overdue: (row, desk, now) => worst(row.standing, now) === "overdue",
  soon: (row, desk, now) => worst(row.standing, now) === "soon",
  cards: (row, desk) => desk.cards.of(row.id).length > 0,
  unlocated: (row) => isUnlocated(row),
  mine: (row, desk) => desk.isMine(row),
  ended: () => false, // they are not in the queue: they are read when they are asked for
};

export const isUnlocated = (row) => row.lon === null && !row.cell_code;

/** Closed, and nobody has told the reporter. */
const isUntold = (row) => row.standing.status === "closed" && !row.standing.replied_at;

/** Where an incident is, in one line. */
export const placeOf = (row) => (isUnlocated(row) && row.address ? `${say("noPlace")} · ${row.address}` : row.address || cellOf(row) || coordinatesOf(row));
const cellOf = (row) => row.cell_name || row.path?.[row.path.length - 1]?.name || row.cell_code;
const coordinatesOf = (row) => (row.lon === null ? say("noPlace") : `${row.lon.toFixed(5)}, ${row.lat.toFixed(5)}`);

export class Queue {
  constructor(desk, catalogue, { open }) {
    this.desk = desk;
    this.catalogue = catalogue;
    this.open = open;
    this.filter = "open";
    this.ended = null; // those of the last day, once they were asked for
    this.shown = []; // rows in order
    this.items = new Map(); // id → Item
    this.list = h("ul", { class: "ds-list", role: "listbox", tabindex: "0", tTitle: "queue" });
    this.empty = h("p", { class: "ds-empty", hidden: true });
    this.partly = h("p", { class: "ds-partly ds-warn", role: "status", hidden: true });
    this.tabs = Object.keys(FILTERS).map((name) => this.tab(name));
    this.element = h(
      "section",
      { class: "ds-queue" },
      h("div", { class: "ds-filters", role: "group", tTitle: "filters" }, this.tabs.map(({ button }) => button)),
      this.partly,
      this.empty,
      this.list,
    );
    this.list.addEventListener("keydown", (event) => this.press(event));
    this.list.addEventListener("click", (event) => {
      const id = event.target.closest("li")?.dataset.id;
      if (id) desk.select(id);
    });
    this.list.addEventListener("scroll", () => this.tickSeen(), { passive: true });
    desk.on("queue", () => this.soon());
    desk.on("cards", () => this.soon());
    desk.on("row", () => this.filter === "ended" && this.readEnded());
    desk.on("selected", ({ id }) => {
      this.mark(id);
      this.seek(id); // chosen on the map or just taken in, it is shown here as well
    });
    desk.on("tick", (now) => this.tick(now));
    onLanguage(() => {
      for (const item of this.items.values()) item.fresh = null;
      this.arrange();
    });
  }

  tab(name) {
    const count = h("b", {});
    const step = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const next = this.tabs[(this.tabs.findIndex((one) => one.name === name) + by + this.tabs.length) % this.tabs.length];
      next.button.focus();
      this.choose(next.name);
    };
    const button = h("button", { type: "button", data: { filter: name }, "aria-pressed": String(name === this.filter), tTitle: `filterSays_${name}`, on: { click: () => this.choose(name), keydown: step } }, h("span", { t: `filter_${name}` }), count);
    return { name, button, count };
  }

  choose(name) {
    this.filter = name;
    for (const one of this.tabs) one.button.setAttribute("aria-pressed", String(one.name === name));
    if (name === "ended") this.readEnded();
    this.arrange();
    this.list.scrollTop = 0;
  }

  /** Read what has ended of the last day: first whose reporter was told nothing, then the newest. */
  async readEnded() {
    const since = new Date(serverNow() - DAY_MS).toISOString();
    try {
      const { incidents } = await get(`/v1/incidents${query({ since, limit: MOST_ENDED })}`);
      const rows = incidents.filter((row) => row.standing && isEnded(row.standing)).map((row) => ({ ...row, ...row.placement }));
      this.ended = [...rows.filter(isUntold), ...rows.filter((row) => !isUntold(row))];
    } catch (error) {
      this.desk.tell("failed", error);
      return;
    }
    this.arrange();
  }

  /** Several changes of one moment are shown at once. */
  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      this.arrange();
    });
  }

  /** Put the rows in order; the chosen one, or else the first in sight, keeps its place on the screen. */
  arrange() {
    const now = serverNow();
    const keep = FILTERS[this.filter];
    const all = this.desk.inOrder();
    if (this.filter === "ended") this.shown = this.ended || [];
    else this.shown = all.filter((row) => keep(row, this.desk, now) || (row.id === this.desk.selected && this.filter !== "open" && this.items.has(row.id)));
    const anchor = this.anchor();
    const items = this.shown.map((row) => this.item(row));
    const wanted = new Set(items);
    for (const [id, item] of this.items) {
      if (wanted.has(item)) continue;
      item.element.remove();
      this.items.delete(id);
    }
    items.forEach((item, at) => {
      if (this.list.children[at] !== item.element) this.list.insertBefore(item.element, this.list.children[at] || null);
    });
    if (anchor) {
      const at = this.shown.findIndex((row) => row.id === anchor.id);
      if (at >= 0) this.list.scrollTop = at * ROW_PX - anchor.top;
    }
    this.mark(this.desk.selected);
    if (this.sought && this.items.has(this.sought)) this.seek(this.sought);
    this.empty.hidden = this.shown.length > 0;
    setText(this.empty, say(this.desk.isRead && (this.filter !== "ended" || this.ended) ? `empty_${this.filter}` : "loading"));
    this.count(all, now);
    this.tickSeen(now);
  }

  /** What must not move: the chosen row if it is in sight, else the first in sight; nothing at the list's top. */
  anchor() {
    const { scrollTop, clientHeight } = this.list;
    const topOf = (id) => this.items.get(id).element.offsetTop - scrollTop;
    const chosen = this.desk.selected;
    if (this.items.has(chosen) && topOf(chosen) > -ROW_PX && topOf(chosen) < clientHeight) return { id: chosen, top: topOf(chosen) };
    const first = scrollTop < ROW_PX / 2 ? null : this.list.children[Math.floor(scrollTop / ROW_PX)];
    return first ? { id: first.dataset.id, top: topOf(first.dataset.id) } : null;
  }

  item(row) {
    if (!this.items.has(row.id)) this.items.set(row.id, new Item(row.id));
    const item = this.items.get(row.id);
    const sent = this.desk.sent.get(row.id) || [];
    const cards = this.desk.cards.of(row.id);
    if (item.fresh !== row || item.sent !== sent || item.cards !== cards) item.show(row, { sent, cards, taker: this.desk.takerOf(row) }, this.catalogue);
    return item;
  }

  count(all, now) {
    const counts = Object.fromEntries(Object.keys(FILTERS).map((name) => [name, 0]));
    for (const row of all) for (const name of Object.keys(FILTERS)) if (FILTERS[name](row, this.desk, now)) counts[name] += 1;
    const { missing } = this.desk;
    if (missing) Object.assign(counts, missing.counts); // of all, as the server counts them
    this.partly.hidden = !missing;
    setText(this.partly, missing ? say("rowsMissing", { shown: missing.shown, open: missing.counts.open }) : "");
    counts.ended = this.ended?.length ?? "–";
    this.counts = counts;
    for (const { name, count, button } of this.tabs) {
      setText(count, String(counts[name]));
      button.classList.toggle("none", counts[name] === 0);
    }
    this.desk.tell("counts", counts);
  }

  mark(id) {
    for (const [key, item] of this.items) {
      item.element.setAttribute("aria-selected", String(key === id));
    }
    const chosen = this.items.get(id);
    if (chosen) this.list.setAttribute("aria-activedescendant", chosen.element.id);
    else this.list.removeAttribute("aria-activedescendant");
  }

  /** Bring one into sight, also if it comes into the queue only now. */
  seek(id) {
    const item = this.items.get(id);
    this.sought = item ? null : id;
    item?.element.scrollIntoView({ block: "nearest" });
  }

  /** Choose the one so many further down; it is brought into sight. */
  step(by) {
    if (!this.shown.length) return;
    const at = this.shown.findIndex((row) => row.id === this.desk.selected);
    const next = at < 0 ? (by > 0 ? 0 : this.shown.length - 1) : Math.max(0, Math.min(this.shown.length - 1, at + by));
    this.desk.select(this.shown[next].id, { byKey: true });
    this.items.get(this.shown[next].id).element.scrollIntoView({ block: "nearest" });
  }

  press(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / ROW_PX) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.step(steps[event.key]);
    else if (event.key === "Enter" && this.desk.selected) this.open();
    else return;
    event.preventDefault();
  }

  tick(now) {
    this.tickSeen(now);
    this.count([...this.desk.rows.values()], now);
    const isTimely = this.filter === "overdue" || this.filter === "soon";
    if (isTimely && this.counts[this.filter] !== this.shown.length) this.arrange();
  }

  /** Only the clocks in sight are counted down. */
  tickSeen(now = serverNow()) {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW_PX) - 1);
    const last = first + Math.ceil(this.list.clientHeight / ROW_PX) + 2;
    for (const row of this.shown.slice(first, last)) this.items.get(row.id)?.tick(now);
  }
}

/** One row of the queue. */
class Item {
  constructor(id) {
    this.clocks = new Clocks("small");
    this.urgency = h("span", { class: "ds-urgency" });
    this.signs = h("span", { class: "ds-row-cards" });
    this.title = h("b", { class: "ds-row-title" });
    this.status = h("span", { class: "ds-status" });
    this.at = h("time", {});
    this.place = h("span", { class: "ds-row-place" });
    this.who = h("span", { class: "ds-row-who" });
    this.element = h(
      "li",
      { id: `row-${id}`, role: "option", data: { id }, "aria-selected": "false" },
      h("span", { class: "ds-row-head" }, this.urgency, this.title, this.signs, this.status, this.at),
      h("span", { class: "ds-row-middle" }, this.place, this.who),
      this.clocks.element,
    );
  }

  show(row, { sent, cards, taker }, catalogue) {
    Object.assign(this, { fresh: row, sent, cards });
    const { zone } = document.getElementById("desk").dataset;
    this.urgency.className = `ds-urgency ${row.urgency}`;
    this.urgency.replaceChildren(drawing(URGENCY_SHAPES[row.urgency] || URGENCY_SHAPES.normal, { filled: true }));
    this.urgency.title = sayCode("urgency", row.urgency);
    setText(this.title, catalogue.nameOf(row.category));
    this.title.title = this.title.textContent; // in English it may be too long
    this.status.className = `ds-status ${row.standing.status}`;
    setText(this.status, either(row.standing.status_zh, sayCode("status", row.standing.status)));
    setText(this.at, clockTime(row.standing.reported_at, zone));
    setText(this.place, placeOf(row));
    this.place.classList.toggle("unknown", isUnlocated(row));
    this.element.classList.toggle("unlocated", isUnlocated(row));
    this.signs.replaceChildren(...cardSigns(cards));
    setText(this.who, sent.length ? sent.map((one) => `${one.name}${say("colon")}${sayCode("sent", one.state)}`).join("  ") : taker && say("takenBy", { who: taker }));
    if (isUntold(row)) setText(this.who, say("notReplied"));
    this.clocks.show(row.standing);
    this.tick();
  }

  tick(now = serverNow()) {
    this.clocks.tick(now);
    const state = worst(this.fresh.standing, now);
    if (this.element.dataset.state !== state) this.element.dataset.state = state;
  }
}
