/* The clocks of an incident, counted down here by the server's time: words, shape and colour for each state. */

import { serverNow, span } from "../kit/clock.js";
import { drawing, h, setText } from "../kit/dom.js";
import { say } from "../kit/i18n.js";

const SOON_SHARE = 0.8; // as the server has it
const ENDED = new Set(["closed", "transferred", "void", "returned"]);
const RANKS = { critical: 0, urgent: 1, normal: 2, low: 3 };
const NEVER = Number.MAX_SAFE_INTEGER;

/** A drawing for each state, so that it is told without its colour. */
const SHAPES = {
  running: "M8 2a6 6 0 106 6M8 5v3.4l2.4 1.6",
  soon: "M8 2l6.6 11.6H1.4zM8 6.4v3.4M8 11.6v.4",
  overdue: "M4.9 1.5h6.2l3.4 3.4v6.2l-3.4 3.4H4.9l-3.4-3.4V4.9zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8",
  paused: "M5.5 3.5v9M10.5 3.5v9",
  met: "M2.6 8.6l3.6 3.6 7.2-8",
  missed: "M2.6 8.6l3.6 3.6 7.2-8M2 14.5h12",
  waiting: "M8 2a6 6 0 100 12A6 6 0 008 2z",
  off: "M3 8h10",
};

export const isEnded = (standing) => !standing || ENDED.has(standing.status);

/** How a clock stands at this moment: its state and the seconds left (negative: late, null: nothing to count). */
export function standingOf(clock, now = serverNow()) {
  if (!clock.due_at || clock.reached_at) return { state: clock.state, left: clock.left_s };
  const left = (Date.parse(clock.due_at) - now) / 1000;
  if (left < 0) return { state: "overdue", left };
  return { state: clock.limit_s - left >= clock.limit_s * SOON_SHARE ? "soon" : "running", left };
}

/** The worst of an incident's clocks: overdue, soon, running, paused or none. */
export function worst(standing, now = serverNow()) {
  const states = standing ? standing.clocks.map((clock) => standingOf(clock, now).state) : [];
  return ["overdue", "soon", "running", "paused"].find((state) => states.includes(state)) || "none";
}

/** Phases that are overdue now. */
export const overduePhases = (standing, now) => standing.clocks.filter((clock) => standingOf(clock, now).state === "overdue").map((clock) => clock.phase);

/** When the first of the running clocks runs out, in milliseconds. */
export function nextDue(standing) {
  const due = (standing?.clocks || []).filter((clock) => clock.due_at && !clock.reached_at).map((clock) => Date.parse(clock.due_at));
  return due.length ? Math.min(...due) : NEVER;
}

/** Order of the queue: the most urgent first, then by time left; it changes with events only, not with time. */
export function before(a, b) {
  const rank = (row) => RANKS[row.urgency] ?? 4;
  return rank(a) - rank(b) || nextDue(a.standing) - nextDue(b.standing) || (a.id < b.id ? -1 : 1);
}

/** What a clock says in words. */
export function wordsOf({ state, left }) {
  if (left === null || state === "waiting" || state === "off") return say(`clock_${state}`);
  if (state === "overdue") return say("clock_late", { span: span(left) });
  if (state === "missed") return say("clock_wasLate", { span: span(left) });
  if (state === "met") return say("clock_met");
  return span(left);
}

/** The three clocks as elements; `tick()` brings them up to the second. */
export class Clocks {
  constructor(className) {
    this.element = h("span", { class: `ds-clocks ${className}` });
    this.parts = ["arrive", "handle", "close"].map((phase) => {
      const shape = h("i", { class: "ds-clock-shape" });
      const text = h("b", {});
      const name = h("span", { class: "ds-clock-name", t: `phase_${phase}` });
      const part = h("span", { class: "ds-clock" }, name, shape, text);
      this.element.append(part);
      return { phase, part, shape, text, state: null };
    });
  }

  show(standing) {
    this.standing = standing;
    this.element.hidden = !standing;
    this.tick();
  }

  tick(now = serverNow()) {
    if (!this.standing) return;
    const next = nextDue(this.standing);
    for (const one of this.parts) {
      const clock = this.standing.clocks.find(({ phase }) => phase === one.phase);
      const found = standingOf(clock, now);
      if (found.state !== one.state) {
        one.state = found.state;
        one.shape.replaceChildren(drawing(SHAPES[found.state] || SHAPES.off));
      }
      const isNext = clock.due_at && !clock.reached_at && Date.parse(clock.due_at) === next;
      one.part.className = `ds-clock ${found.state}${isNext ? " next" : ""}`;
      one.part.title = say(`clock_is_${found.state}`);
      setText(one.text, wordsOf(found));
    }
  }
}
