/*
 * What the planner does to the plan, one change after the other, and what becomes of it: taken over, refused with the
 * reason at its place, or in conflict with somebody else's change and offered again.
 */

import { fromPlace, readGeometry } from "./cells.js";
import { button, dialog, h, notice, sure } from "./dom.js";
import { summaryOf } from "./history.js";
import { moment, say } from "./i18n.js";

const { Feature, geom } = window.ol;

export class Actions {
  constructor(state, api, map, cells) {
    Object.assign(this, { state, api, map, cells });
    this.turn = Promise.resolve(); // changes go one by one: each names the revision of the one before
    this.waiting = 0;
    this.lastIsOurs = false;
  }

  /** Make a change; resolves to the answer, or to null when it was refused or given up. */
  change(verb, given) {
    return this.inTurn(() => this.attempt(() => this.api.change(this.state.revision, verb, given)));
  }

  undo() {
    return this.inTurn(async () => {
      if (!(await this.mayUndo())) return null;
      return this.attempt(() => this.api.undo(this.state.revision), { again: false });
    });
  }

  /** The plan has one history: to take back what somebody else did is asked for first. */
  async mayUndo() {
    if (this.lastIsOurs) return true;
    const { changes } = await this.api.changes();
    const last = changes.filter((change) => !change.undone).pop();
    if (!last || last.who === this.state.me.name) return true;
    return sure("undoTitle", h("p", {}, say("undoOthers", { who: last.who, what: summaryOf(last) })));
  }

  redo() {
    return this.inTurn(() => this.attempt(() => this.api.redo(this.state.revision), { again: false }));
  }

  inTurn(act) {
    if (!this.state.canEdit) {
      notice(say(this.state.whyNot));
      return Promise.resolve(null);
    }
    this.waiting += 1;
    this.state.tell("busy", this.waiting);
    const result = this.turn.then(act).finally(() => {
      this.waiting -= 1;
      this.state.tell("busy", this.waiting);
    });
    this.turn = result.catch(() => null);
    return result;
  }

  async attempt(send, { again = true } = {}) {
    for (;;) {
      this.clearTrouble();
      const started = performance.now();
      try {
        const answer = await send();
        this.take(answer);
        this.state.lastMs = performance.now() - started;
        return answer;
      } catch (error) {
        if (error.status === 409) {
          if (!(await this.conflict(error, again))) return null;
        } else if (error.status === 401) {
          this.signInAgain();
          return null;
        } else if (error.status === 0) {
          if (!(await this.offline())) return null;
        } else {
          this.refused(error);
          return null;
        }
      }
    }
  }

  /** Take over the answer to a change of our own. */
  take(answer) {
    const { state, cells } = this;
    const missed = (answer.also || []).filter((change) => change.number !== answer.change?.number);
    state.revision = Math.max(state.revision, answer.revision);
    cells.apply(answer);
    if (missed.length) this.others(missed);
    this.lastIsOurs = Boolean(answer.change) && !answer.change.undone;
    state.last = answer;
    const undone = Boolean(answer.change?.undone);
    state.plan.can_undo = answer.can_undo ?? (!undone || state.plan.can_undo);
    state.plan.can_redo = answer.can_redo ?? undone;
    if (state.selected.size) state.tell("selection");
    state.tell("changed", answer);
    state.tell("history");
  }

  /** Show what others did: fetch those cells, say who it was. */
  async others(changes) {
    const touched = changes.flatMap((change) => change.cells || []);
    const names = [...new Set(changes.map((change) => change.who))].join("、");
    const [first] = changes;
    const what = changes.length === 1 ? summaryOf(first) : say("changesCount", { count: changes.length });
    notice(say(changes.length === 1 && first.undone ? "othersUndid" : "othersChanged", { who: names, what }));
    this.lastIsOurs = false;
    try {
      await this.cells.refetch(touched);
    } catch (error) {
      this.state.tell("failed", error);
    }
    this.map.flash(touched.map((cell) => this.cells.find(cell)).filter((cell) => cell && cell.get("level") === this.state.shown.code));
    this.state.tell("history");
    this.state.tell("changed", null);
  }

  /** A refused edit: say why, and point at the places. */
  refused(error) {
    const places = error.places.map((place) => new Feature(new geom.Point(fromPlace(place))));
    for (const fault of error.faults) if (fault.geometry) places.push(new Feature(readGeometry(fault.geometry)));
    this.map.show("trouble", places);
    const first = places[0];
    const actions = first ? [["showPlace", () => this.map.goTo(first.getGeometry().getExtent(), Math.max(17, this.map.zoom))]] : [];
    this.refusal = notice(say("refused", { reason: error.reason || error.message }), { kind: "bad", actions });
    this.state.tell("refused", error);
  }

  clearTrouble() {
    if (this.refusal) this.refusal.away();
    this.refusal = null;
    this.map.clear("trouble");
  }

  /** Somebody else changed the same cells. The drawing stays in sight; true when it shall be tried again. */
  async conflict(error, again) {
    const missed = error.problem.also || error.problem.changes || (await this.missed());
    const rows = missed.map((change) => h("li", {}, h("b", {}, change.who), ` ${summaryOf(change)} `, h("time", {}, moment(change.at))));
    const revision = error.problem.revision || Math.max(0, ...missed.map((change) => change.revision || 0));
    if (revision) this.state.revision = Math.max(this.state.revision, revision);
    else this.state.revision = (await this.api.read()).revision;
    await this.cells.refetch(missed.flatMap((change) => change.cells || []));
    this.state.tell("history");
    return new Promise((resolve) => {
      let retry = false;
      const content = [h("p", { t: missed.length ? "conflictSays" : "conflictPlain" }), missed.length ? h("ul", { class: "pl-plain" }, rows) : h("p", {}, error.reason)];
      const actions = [button("letGo", () => box.done())];
      if (again || missed.length) actions.push(button("tryAgain", () => ((retry = true), box.done()), { class: "primary" }));
      const box = dialog("conflict", content, actions, () => resolve(retry));
      box.classList.add("aside"); // the drawing stays in sight beside it
    });
  }

  async missed() {
    try {
      return (await this.api.changesSince(this.state.revision)).changes;
    } catch {
      return [];
    }
  }

  offline() {
    return new Promise((resolve) => {
      let retry = false;
      const box = dialog("offlineTitle", h("p", { t: "offlineSays" }), [button("letGo", () => box.done()), button("tryAgain", () => ((retry = true), box.done()), { class: "primary" })], () => resolve(retry));
    });
  }

  signInAgain() {
    const way = h("a", { class: "primary", href: `/sign-in?next=${encodeURIComponent(window.location.pathname)}`, t: "signIn" });
    dialog("signedOut", h("p", { t: "signedOutSays" }), [way]);
  }
}
