/*
 * What the desk knows: open incidents, who is sent, who is where. Fetched once, then kept true by events.
 *
 * Whoever wants to know of changes asks with `on`: "queue", "row" (one incident), "people", "selected", "line", "tick", "breach", "urgent",
 * "declined", "cards" (of one incident, or of all), "red", "edition", "counts", "failed".
 */

import { learn, serverNow } from "../kit/clock.js";
import { get, query } from "../kit/http.js";
import { Cards } from "./cards.js";
import { before, isEnded, overduePhases } from "./clocks.js";
import { Stream } from "./stream.js";

const PAGE = 1000;
const MOST_PAGES = 10;
const AT_ONCE = 100; // incidents that one question names
const MOST_CHANGED = 500; // more changes than this and the whole queue is read
const GATHER_MS = 120;
const BUSY_MS = 1000; // from one reading of changes to the next, while much happens
const WHOLE_EVERY_MS = 1500;
const CHECK_MS = 120000; // the queue is read whole from time to time all the same
const AGAIN_MS = 2000; // more, before what could not be read is asked for again
const BOARD_MS = 5000;
const BOARD_PATIENCE_MS = 8000;

export class Desk {
  constructor(me) {
    this.me = me;
    this.rows = new Map(); // id → incident of the queue
    this.sent = new Map(); // id → open dispatches
    this.people = [];
    this.byCode = new Map(); // the same by code
    this.cards = new Cards();
    this.selected = null;
    this.listeners = new Map();
    this.touched = new Set(); // ids to read soon
    this.fresh = new Set(); // ids reported since, of which we do not know yet how urgent they are
    this.late = new Set(); // ids that changed while the queue was read
    this.busyAt = 0; // when many changes were read last
    this.mine = new Set(readMine());
    this.overdue = new Set(); // `id/phase`, told already
    this.stream = new Stream({
      heard: (topic, payload) => this.hear(topic, payload),
      lost: () => (this.readAll(), this.readCards()),
      changed: (isUp) => {
        // before the first reading the stream must be open: what happens in between is heard then
        if (isUp && !this.isRead) {
          this.readAll();
          this.readCards();
        }
        this.tell("line", isUp);
        if (isUp && this.boardProblem) this.readPeople(); // what was said of it is over
      },
    });
  }

  on(news, listener) {
    if (!this.listeners.has(news)) this.listeners.set(news, []);
    this.listeners.get(news).push(listener);
  }

  tell(news, detail) {
    for (const listener of this.listeners.get(news) || []) listener(detail);
  }

  start() {
    this.stream.open();
    this.readPeople();
    setInterval(() => this.tick(), 1000);
    setInterval(() => (this.readAll(), this.readCards()), CHECK_MS);
    window.addEventListener("pagehide", () => this.stream.close());
  }

  // ------------------------------------------------------------------------------------------- reading

  /** Get with the server's clock learnt from `now` of the answer. */
  async ask(path, moment, options) {
    const sent = Date.now();
    const answer = await get(path, options);
    const told = moment?.(answer);
    if (told) learn(told, sent);
    return answer;
  }

  /** Read the queue and who is sent, whole. One reading at a time; a call meanwhile has it read once more. */
  async readAll() {
    if (this.reading) {
      this.again = true;
      return;
    }
    this.reading = true;
    this.touched.clear();
    try {
      const [rows, sent] = await Promise.all([this.readQueue(), this.readSent()]);
      this.rows = new Map(rows.map((row) => [row.id, row]));
      this.sent = sent;
      this.isRead = true;
      this.tell("queue");
      this.watchOverdue();
      if (this.selected) this.tell("row", this.selected);
    } catch (error) {
      this.tell("failed", error);
      if (error.isPassing) setTimeout(() => this.readAll(), 3000);
    } finally {
      this.reading = false;
      for (const id of this.late) this.touch(id); // what was read may be older than that
      this.late.clear();
      if (this.again) {
        this.again = false;
        setTimeout(() => this.readAll(), WHOLE_EVERY_MS);
      }
    }
  }

  async readQueue() {
    const rows = [];
    let counts;
    let next = `/v1/incidents${query({ status: "open", limit: PAGE })}`;
    for (let page = 0; next && page < MOST_PAGES; page++) {
      const answer = await this.ask(next, ({ incidents }) => incidents[0]?.standing?.now);
      rows.push(...answer.incidents);
      counts = answer.counts;
      next = answer.next;
    }
    this.missing = next && counts.open > rows.length ? { shown: rows.length, counts } : null;
    return rows;
  }

  async readSent() {
    const sent = new Map();
    let next = `/v1/dispatches${query({ open: true, limit: 500 })}`;
    for (let page = 0; next && page < MOST_PAGES; page++) {
      const answer = await get(next);
      for (const one of answer.dispatches) sent.set(one.incident_id, [...(sent.get(one.incident_id) || []), one]);
      next = answer.next;
    }
    return sent;
  }

  /** Read what has changed: as many incidents as one question names, and who is sent to them. */
  async readSome(ids) {
    const [{ incidents }, { dispatches }] = await Promise.all([
      this.ask(`/v1/incidents${query({ id: ids })}`, (answer) => answer.incidents[0]?.standing?.now),
      get(`/v1/dispatches${query({ open: true, incident: ids, limit: 500 })}`),
    ]);
    const sent = new Map(ids.map((id) => [id, []]));
    for (const one of dispatches) sent.get(one.incident_id).push(one);
    const found = new Set(incidents.map(({ id }) => id));
    for (const id of ids) if (!found.has(id)) this.rows.delete(id);
    const changed = incidents.filter((row) => this.put(row, sent.get(row.id)));
    this.tell("queue");
    for (const { id } of changed) this.tell("row", id);
    this.watchOverdue();
  }

  /** Take in one incident that somebody else has read; who shows it knows. */
  take(row) {
    if (!this.put(row)) return;
    this.tell("queue");
    this.watchOverdue();
  }

  /** Keep an incident as the server tells it, unless what we know is newer. */
  put(row, dispatches) {
    const known = this.rows.get(row.id);
    if (known && row.standing && known.standing.revision > row.standing.revision) return false;
    if (isEnded(row.standing)) this.rows.delete(row.id);
    else this.rows.set(row.id, { ...row, ...row.placement });
    if (dispatches) dispatches.length ? this.sent.set(row.id, dispatches) : this.sent.delete(row.id);
    return true;
  }

  async readCards() {
    try {
      await this.cards.read();
      this.tell("cards");
    } catch (error) {
      this.tell("failed", error);
      if (error.isPassing) setTimeout(() => this.readCards(), 3000);
    }
  }

  async readPeople() {
    clearTimeout(this.boardTimer);
    try {
      this.takePeople(await this.ask(`/v1/board${query({ since: this.boardMark })}`, ({ at }) => at, { patience: BOARD_PATIENCE_MS }));
      this.boardProblem = null;
    } catch (error) {
      this.boardMark = null; // everybody next time
      this.boardProblem = error;
    }
    this.tell("people");
    this.boardTimer = setTimeout(() => this.readPeople(), document.hidden ? 4 * BOARD_MS : BOARD_MS);
  }

  /** Take in everybody, or what changed: who is at something else, who is elsewhere, who has left. */
  takePeople({ at, mark, whole, people, moved, gone }) {
    const now = Date.parse(at);
    const heardAt = (age) => (age === null ? null : now - 1000 * age);
    if (whole) this.byCode = new Map();
    for (const one of people) this.byCode.set(one.responder, { ...one, heardAt: heardAt(one.fix_age_s) });
    for (const [code, lon, lat, source, age] of moved) Object.assign(this.byCode.get(code) || {}, { lon, lat, source, heardAt: heardAt(age) });
    for (const code of gone) this.byCode.delete(code);
    if (whole || people.length || gone.length) this.people = [...this.byCode.values()];
    this.boardMark = mark;
  }

  // -------------------------------------------------------------------------------------------- events

  hear(topic, payload) {
    if (topic.startsWith("escalation.")) {
      this.hearCard(topic, payload);
      return;
    }
    if (topic === "incidents.imported") this.readAll();
    else if (topic === "edition.published") this.tell("edition");
    else this.touch(payload.incident_id || payload.id);
    if (topic.startsWith("dispatch.")) this.peopleSoon();
    if (topic === "incident.reported") this.fresh.add(payload.id);
    if (payload.outcome === "declined") this.tell("declined", { row: this.rows.get(payload.incident_id), name: this.nameOf(payload.responder), reason: payload.reason });
  }

  /** A card is issued, somebody is called or has acknowledged: the incident itself is as it was. */
  hearCard(topic, payload) {
    this.cards.hear(payload);
    this.tell("cards", payload.incident_id);
    if (topic === "escalation.issued" && payload.colour === "red") this.tell("red", { row: this.rows.get(payload.incident_id), phase: payload.phase, wasTold: this.overdue.has(`${payload.incident_id}/${payload.phase}`) });
  }

  nameOf(code) {
    return this.byCode.get(code)?.name || code;
  }

  peopleSoon() {
    clearTimeout(this.soonTimer);
    this.soonTimer = setTimeout(() => this.readPeople(), 400);
  }

  /** Something happened to an incident: read it soon, together with others of the same moment. */
  touch(id) {
    if (this.reading) {
      this.late.add(id);
      return;
    }
    this.touched.add(id);
    this.gathering ||= setTimeout(() => this.readTouched(), Math.max(GATHER_MS, BUSY_MS - (Date.now() - this.busyAt)));
  }

  async readTouched() {
    const ids = [...this.touched];
    if (ids.length > MOST_CHANGED) {
      this.gathering = null;
      this.readAll();
      return;
    }
    this.touched.clear();
    if (ids.length > AT_ONCE / 10) this.busyAt = Date.now();
    try {
      for (let i = 0; i < ids.length; i += AT_ONCE) await this.readSome(ids.slice(i, i + AT_ONCE));
    } catch (error) {
      this.tell("failed", error);
      if (error.isPassing) {
        this.busyAt = Date.now() + AGAIN_MS;
        for (const id of ids) this.touched.add(id);
      }
    }
    this.gathering = null;
    if (this.touched.size) this.touch([...this.touched][0]); // what came meanwhile, or could not be read
  }

  // -------------------------------------------------------------------------------------------- choices

  select(id, { byKey = false } = {}) {
    if (this.selected === id) return;
    this.selected = id;
    this.tell("selected", { id, byKey });
  }

  /** Remember that the one who sits here had this incident in hand. */
  handle(id) {
    this.mine.add(id);
    writeMine([...this.mine].slice(-500));
  }

  isMine(row) {
    return this.mine.has(row.id) || row.reported_by === this.me.name || this.takerOf(row) === this.me.name || (this.sent.get(row.id) || []).some((one) => one.sent_by === this.me.name);
  }

  /** Who has accepted an incident; "" while nobody has. */
  takerOf(row) {
    return row.accepted_by?.who || "";
  }

  /** Open incidents in order. */
  inOrder() {
    return [...this.rows.values()].sort(before);
  }

  get mayAct() {
    return this.me.role === "dispatcher" || this.me.role === "admin";
  }

  // ----------------------------------------------------------------------------------------------- time

  tick() {
    this.stream.check();
    this.tell("tick", serverNow());
    this.watchOverdue();
  }

  /** Tell of urgent reports that have come in. */
  watchFresh() {
    for (const id of this.fresh) {
      const row = this.rows.get(id);
      if (!row) continue;
      this.fresh.delete(id);
      if (row.urgency === "critical" || row.urgency === "urgent") this.tell("urgent", row);
    }
    if (this.fresh.size > 1000) this.fresh.clear();
  }

  /** Tell of clocks that have run out since we looked last. */
  watchOverdue() {
    this.watchFresh();
    const now = serverNow();
    const found = new Set();
    const fresh = [];
    for (const row of this.rows.values()) {
      for (const phase of overduePhases(row.standing, now)) {
        const key = `${row.id}/${phase}`;
        found.add(key);
        if (!this.overdue.has(key)) fresh.push({ row, phase });
      }
    }
    const isFirst = !this.hasWatched;
    this.overdue = found;
    if (!this.isRead) return;
    this.hasWatched = true;
    if (fresh.length && !isFirst) this.tell("breach", fresh);
  }
}

function readMine() {
  try {
    return JSON.parse(window.GeoService.recall("dispatch.mine") || "[]");
  } catch {
    return [];
  }
}

function writeMine(ids) {
  window.GeoService.remember("dispatch.mine", JSON.stringify(ids));
}
