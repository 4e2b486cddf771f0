/* Who is sent and how far he is; who can be there soonest, why, and what speaks against him. */

import { clockTime, serverNow, span } from "../kit/clock.js";
import { button, dialog, field, fill, h, select } from "../kit/dom.js";
import { get, newKey, post } from "../kit/http.js";
import { either, say, sayCode } from "../kit/i18n.js";

const WAITS_FOR_SOMEBODY = new Set(["reported", "accepted"]);
const MAY_SEND_MORE = new Set(["dispatched", "arrived"]);
const STEPS = ["sent", "accepted", "arrived"];
const AGAIN_MS = 12000; // people move: the list is read anew while it is in use
const HOVER_MS = 120;

export class People {
  /** `act(doing, options)` carries out what is done to the incident. */
  constructor(desk, map, catalogue, act) {
    Object.assign(this, { desk, map, catalogue, act });
    this.sent = h("div", { class: "ds-sent" });
    this.list = h("ol", { class: "ds-candidates" });
    this.note = h("p", { class: "ds-soft", role: "status" });
    this.others = h("details", { class: "ds-passed" });
    this.title = h("h3", {});
    this.help = h("div", { class: "ds-help" }, this.title, this.note, this.list, this.others);
    this.element = h("section", { class: "ds-part ds-people" }, this.sent, this.help);
    this.list.addEventListener("pointerleave", () => this.showWayOf(this.pinned));
    desk.on("people", () => this.isListed && Date.now() - (this.readAt || 0) > AGAIN_MS && !this.list.matches(":hover, :focus-within") && this.read());
    desk.on("tick", () => this.countDown());
  }

  /** Another incident comes to hand. */
  begin() {
    this.incident = null;
    this.answer = null;
    this.isAsking = false; // more people are asked for, though somebody goes already
    this.isListed = false;
    this.pinned = null;
    this.ways = new Map();
    this.map.showWay(null);
    this.shownWay = null;
    fill(this.sent);
    fill(this.list);
    this.others.hidden = true;
    this.note.textContent = "";
    this.help.hidden = true;
  }

  show(incident, dispatches) {
    const before = this.incident;
    this.incident = incident;
    this.dispatches = dispatches;
    this.open = dispatches.filter((one) => !one.ended_at);
    this.showSent();
    const { status } = incident.standing || {};
    const isNeeded = WAITS_FOR_SOMEBODY.has(status);
    this.isListed = (isNeeded || (MAY_SEND_MORE.has(status) && this.isAsking)) && incident.standing !== null;
    this.help.hidden = !this.isListed && !MAY_SEND_MORE.has(status);
    if (this.isListed) this.read();
    else this.offerMore(MAY_SEND_MORE.has(status));
    const lead = this.open.find((one) => one.lead);
    const isSame = before?.id === incident.id && before.lon === incident.lon && before.lat === incident.lat;
    if (!isSame) this.ways.clear();
    if (lead && !lead.arrived_at && incident.lon !== null) this.pin(lead.responder);
    else if (!this.isListed || !isSame) this.pin(null);
  }

  offerMore(isPossible) {
    fill(this.list);
    this.others.hidden = true;
    this.answer = null;
    this.note.textContent = "";
    this.title.textContent = "";
    if (isPossible && this.desk.mayAct) fill(this.list, h("li", { class: "ds-more" }, button("sendMore", () => ((this.isAsking = true), this.show(this.incident, this.dispatches)))));
  }

  // --------------------------------------------------------------------------------------------- sent

  showSent() {
    const ended = this.dispatches.filter((one) => one.ended_at);
    const last = ended[ended.length - 1];
    fill(
      this.sent,
      this.open.map((one) => this.sentRow(one)),
      !this.open.length && last && ["declined", "cancelled"].includes(last.state) && h("p", { class: "ds-warn ds-declined" }, say(`was_${last.state}`, { name: last.name, reason: last.reason || say("noReason") })),
    );
    this.countDown();
  }

  sentRow(one) {
    const at = STEPS.indexOf(one.state);
    const { zone } = document.getElementById("desk").dataset;
    const moments = { sent: one.sent_at, accepted: one.accepted_at, arrived: one.arrived_at };
    const acts = this.desk.mayAct
      ? [
          one.state === "sent" && button("doAccept", () => this.step(one, "accept")),
          one.state !== "arrived" && button("doArrive", () => this.step(one, "arrive"), { class: one.state === "accepted" ? "primary" : "" }),
          one.state === "arrived" && button("doDone", () => this.done(one), { class: "primary" }),
          one.state === "sent" && button("doDecline", () => this.decline(one), { class: "quiet" }),
          button("handOver", () => this.handOver(one), { class: "quiet" }),
          button("callBack", () => this.callBack(one), { class: "quiet" }),
        ]
      : [];
    return h(
      "div",
      { class: "ds-goer", data: { responder: one.responder, state: one.state, dispatch: String(one.id) } },
      h("div", { class: "ds-goer-head" }, h("b", {}, one.name), h("span", { class: "ds-soft" }, [one.lead ? say("lead") : say("helper"), sayCode("mode", one.mode), say("sentBy", { who: one.sent_by })].filter(Boolean).join(" · ")), h("span", { class: "ds-eta", data: { due: String(Date.parse(one.sent_at) + 1000 * (one.travel_s || 0)), live: String(one.travel_s !== null && one.state !== "arrived") } })),
      h("ol", { class: "ds-steps" }, STEPS.map((name, i) => h("li", { class: i <= at ? "done" : "" }, say(`sent_${name}`), h("small", {}, i <= at ? clockTime(moments[name], zone) : "")))),
      h("div", { class: "ds-row" }, acts),
    );
  }

  countDown() {
    for (const node of this.sent.querySelectorAll('.ds-eta[data-live="true"]')) {
      const left = (Number(node.dataset.due) - serverNow()) / 1000;
      const words = left >= 0 ? say("thereIn", { span: span(left) }) : say("thereLate", { span: span(left) });
      if (node.textContent !== words) node.textContent = words;
      node.classList.toggle("late", left < 0);
    }
  }

  step(one, what, body = {}) {
    const key = newKey();
    return this.act(() => post(`/v1/dispatches/${one.id}/${what}`, body, { key }));
  }

  /** Ask why, then do it; what the server refuses is said in the dialog. */
  askWhy(title, one, what, { required = false, danger = false, extra = () => ({}) , content = [] } = {}) {
    const reason = h("textarea", { rows: 2, maxLength: 1000, required });
    const key = newKey();
    dialog(title, [content, field("reason", reason)], {
      danger,
      accept: () => this.act(() => post(`/v1/dispatches/${one.id}/${what}`, { reason: reason.value.trim(), ...extra() }, { key }), { strict: true }),
    });
  }

  done(one) {
    this.askWhy(say("doneTitle", { name: one.name }), one, "done");
  }

  decline(one) {
    this.askWhy(say("declineTitle", { name: one.name }), one, "decline", { required: true });
  }

  callBack(one) {
    this.askWhy(say("callBackTitle", { name: one.name }), one, "cancel", { danger: true });
  }

  async handOver(one) {
    let found;
    try {
      found = await get(`/v1/incidents/${this.incident.id}/candidates?k=10`);
    } catch (error) {
      found = { candidates: [] };
    }
    const names = found.candidates.map((other) => [other.responder, `${other.name} · ${say("minutes", { minutes: other.minutes })}`]);
    const free = this.desk.people.filter((other) => other.state === "free" && !names.some(([code]) => code === other.responder)).map((other) => [other.responder, other.name]);
    const choice = select([...names, ...free.slice(0, 200)], names[0]?.[0], { required: true });
    this.askWhy(say("handOverTitle", { name: one.name }), one, "hand-over", { content: [field("handOverTo", choice)], extra: () => ({ to: choice.value }) });
  }

  // ---------------------------------------------------------------------------------------- candidates

  async read() {
    const { incident } = this;
    if (incident.lon === null) {
      this.title.textContent = say("candidates");
      this.note.textContent = say("locateFirst");
      fill(this.list);
      this.others.hidden = true;
      return;
    }
    this.readAt = Date.now();
    if (!this.answer) this.note.textContent = say("looking");
    try {
      const answer = await get(`/v1/incidents/${incident.id}/candidates?k=5`);
      if (this.incident?.id !== incident.id || !this.isListed) return;
      this.answer = answer;
      this.showList();
    } catch (error) {
      if (this.incident?.id !== incident.id) return;
      this.note.textContent = error.reason || error.message;
      fill(this.list);
    }
  }

  showList() {
    const { candidates, passed_over: passed, on_duty: onDuty, free, without_place: unknown } = this.answer;
    const focused = document.activeElement?.closest?.(".ds-candidate")?.dataset.responder;
    this.title.textContent = say("candidates");
    this.note.textContent = candidates.length ? say("howMany", { onDuty, free, unknown }) : say("nobody", { onDuty, free });
    fill(this.list, candidates.map((one, i) => this.candidate(one, i)));
    if (focused) this.list.querySelector(`[data-responder="${CSS.escape(focused)}"] button`)?.focus();
    fill(this.others, passed.length > 0 && h("summary", {}, say("passedOver", { count: passed.length })), passed.map((one) => h("p", {}, h("b", {}, one.name), ` ${say("minutes", { minutes: one.minutes })} `, h("span", { class: "ds-against" }, one.reasons.map((note) => this.noteWords(note)).join("；")), this.allTheSame(one))));
    this.others.hidden = !passed.length;
    this.others.open = !candidates.length; // where nobody fits, it matters why
  }

  candidate(one, i) {
    const show = () => this.showWaySoon(one.responder);
    return h(
      "li",
      { class: "ds-candidate", data: { responder: one.responder }, on: { pointerenter: show, focusin: show, click: () => this.pin(one.responder) } },
      h("span", { class: "ds-minutes" }, h("b", {}, String(one.minutes)), h("small", {}, say("min"))),
      h(
        "div",
        { class: "ds-candidate-who" },
        h("p", {}, h("b", {}, one.kind === "team" ? one.team.name : one.name), " ", h("span", { class: "ds-soft" }, [sayCode("role", one.role), sayCode("mode", one.mode), say("straight", { metres: one.straight_m })].join(" · "))),
        one.team && h("p", { class: "ds-soft" }, one.team.members.map((member) => member.name).join("、")),
        h("p", { class: "ds-for" }, one.reasons.map((note) => h("span", {}, this.noteWords(note)))),
        one.shortfalls.length > 0 && h("p", { class: "ds-against" }, one.shortfalls.map((note) => h("span", {}, this.noteWords(note)))),
      ),
      this.desk.mayAct && h("button", { type: "button", class: i === 0 ? "primary" : "", "aria-label": `${say("send")} ${one.name}`, on: { click: (event) => (event.stopPropagation(), this.send(one)) } }, say("send"), h("kbd", {}, String(i + 1))),
    );
  }

  /** Who only lacks a capability can be sent all the same: that is for the dispatcher to judge. */
  allTheSame(one) {
    if (!this.desk.mayAct || one.kind === "team" || one.reasons.some(({ code }) => code !== "lacks")) return null;
    return h("button", { type: "button", class: "quiet", on: { click: () => this.send(one) } }, say("sendAllTheSame"));
  }

  /** What a note says; an incident is told by what it is, not by its number. */
  noteWords(note) {
    const words = either(note.zh, note.en);
    if (note.code !== "busy") return words;
    const row = this.desk.rows.get(note.incident);
    return say("busyWith", { what: row ? this.catalogue.nameOf(row.category) : say("anotherIncident"), since: note.since });
  }

  send(one) {
    const isLeadThere = this.open.some((other) => other.lead);
    const body = one.kind === "team" ? { team: one.team.code } : isLeadThere ? { others: [one.responder] } : { lead: one.responder };
    const key = newKey();
    for (const push of this.list.querySelectorAll("button")) push.disabled = true;
    return this.act(() => post(`/v1/incidents/${this.incident.id}/dispatches`, body, { key }), { done: () => (this.isAsking = false) });
  }

  /** Put the keyboard on the button of the n-th candidate. */
  focusOn(n) {
    this.list.querySelectorAll(".ds-candidate button")[n]?.focus();
  }

  // ----------------------------------------------------------------------------------------------- way

  pin(code) {
    this.pinned = code;
    this.showWayOf(code);
  }

  showWaySoon(code) {
    clearTimeout(this.wayTimer);
    this.wayTimer = setTimeout(() => this.showWayOf(code), HOVER_MS);
  }

  async showWayOf(code) {
    clearTimeout(this.wayTimer);
    this.wanted = code;
    if (!code) {
      this.shownWay = null;
      this.map.showWay(null);
      return;
    }
    if (this.shownWay === code) return;
    const { id } = this.incident;
    if (!this.ways.has(code)) {
      this.ways.set(code, get(`/v1/incidents/${id}/candidates/${encodeURIComponent(code)}/route`).catch(() => null));
      setTimeout(() => this.ways?.delete(code), AGAIN_MS);
    }
    const way = await this.ways.get(code);
    if (this.wanted !== code || this.incident?.id !== id) return;
    this.shownWay = code;
    this.map.showWay(way, code);
  }
}
