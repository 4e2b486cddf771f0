/*
 * Supervision cards 督办 and whistles 吹哨 that nobody has answered yet: which incidents have some, and how bad they are.
 *
 * Read once, then kept true by events: each says how its card stands now. What a card tells in full (who was called, who
 * came) is read with the incident at hand, see escalation.js.
 */

import { get, query } from "../kit/http.js";
import { say } from "../kit/i18n.js";
import { h } from "../kit/dom.js";

const PAGE = 500;
const MOST_PAGES = 10;
const NONE = [];
const OVER = new Set(["answered", "lifted"]);
const RANKS = { red: 0, yellow: 1, whistle: 2 };

/** What a card is told by: red, yellow or whistle. */
export const kindOf = (card) => (card.kind === "whistle" ? "whistle" : card.colour);

/** Whether nobody who was called has acknowledged it yet. */
export const isWaiting = (card) => card.stage === "called";

export const isOver = (card) => OVER.has(card.stage);

export class Cards {
  constructor() {
    this.byId = new Map();
    this.byIncident = new Map(); // id of the incident → its open cards, the worst first; another array after each change
    this.late = null; // what was heard while all were read
    this.counts = { red: 0, yellow: 0, whistle: 0, waiting: 0 };
  }

  /** Read all that are open. */
  async read() {
    this.late = [];
    const found = new Map();
    try {
      let next = `/v1/escalations${query({ open: true, limit: PAGE })}`;
      for (let page = 0; next && page < MOST_PAGES; page++) {
        const answer = await get(next);
        for (const one of answer.escalations) found.set(one.id, one);
        next = answer.next;
      }
      this.byId = found;
    } finally {
      const heard = this.late || [];
      this.late = null;
      for (const one of heard) this.put(one);
      this.arrange();
    }
  }

  /** Take in what an event tells of a card: at once, and only its incident is arranged anew, however many cards there are. */
  hear(payload) {
    this.late?.push(payload);
    this.put(payload);
    const own = this.of(payload.incident_id).filter((card) => card.id !== payload.id);
    if (!isOver(payload)) own.push(payload);
    this.keep(payload.incident_id, own);
  }

  put(card) {
    if (isOver(card)) this.byId.delete(card.id);
    else this.byId.set(card.id, card);
  }

  /** Arrange all, as they have been read. */
  arrange() {
    const found = new Map([...this.byIncident.keys()].map((key) => [key, []])); // who has none any more too
    for (const card of this.byId.values()) {
      if (!found.has(card.incident_id)) found.set(card.incident_id, []);
      found.get(card.incident_id).push(card);
    }
    for (const [key, own] of found) this.keep(key, own);
  }

  /** Keep the open cards of an incident; the array stays the same one where nothing that is shown has changed. */
  keep(key, own) {
    const known = this.of(key);
    own.sort((a, b) => RANKS[kindOf(a)] - RANKS[kindOf(b)] || a.id - b.id);
    if (known.length === own.length && own.every((card, i) => card.id === known[i].id && card.stage === known[i].stage)) return;
    this.count(known, -1);
    this.count(own, 1);
    if (own.length) this.byIncident.set(key, own);
    else this.byIncident.delete(key);
  }

  count(cards, sign) {
    for (const card of cards) {
      this.counts[kindOf(card)] += sign;
      if (isWaiting(card)) this.counts.waiting += sign;
    }
  }

  /** Open cards of an incident, the worst first. */
  of(id) {
    return this.byIncident.get(id) || NONE;
  }
}

/** The sign of a card: its colour as a word too; filled while nobody has acknowledged it. */
export function cardSign(card, count = 1) {
  const kind = kindOf(card);
  const words = [say(`card_${kind}`), card.phase && say(`phase_${card.phase}`), say(`stage_${card.stage}`)].filter(Boolean).join(" · ");
  return h("i", { class: `ds-card ${kind}${isWaiting(card) ? " waiting" : ""}`, title: words }, say(`card_${kind}_short`), count > 1 && h("sub", {}, String(count)));
}

/** Signs of several cards: one of each kind, with their number. */
export function cardSigns(cards) {
  return Object.keys(RANKS).flatMap((kind) => {
    const own = cards.filter((card) => kindOf(card) === kind);
    return own.length ? [cardSign(own.find(isWaiting) || own[0], own.length)] : [];
  });
}
