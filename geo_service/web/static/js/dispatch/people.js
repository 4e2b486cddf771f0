/* Who is sent and how far he is; who can be there soonest, why, and what speaks against him. */

import { clockTime, serverNow, span } from "../kit/clock.js";
import { button, dialog, field, fill, h, select, setText } from "../kit/dom.js";
import { get, newKey, post } from "../kit/http.js";
import { either, onLanguage, say, sayCode } from "../kit/i18n.js";

const WAITS_FOR_SOMEBODY = new Set(["reported", "accepted"]);
const MAY_SEND_MORE = new Set(["dispatched", "arrived"]);
const STEPS = ["sent", "accepted", "arrived"];
const AGAIN_MS = 9000; // people move: the list is read anew while it is in use
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
    this.items = new Map(); // responder, or team → how he stands in the list
    this.list.addEventListener("pointerleave", () => (this.showWayOf(this.pinned), this.letGo()));
    this.list.addEventListener("focusout", () => requestAnimationFrame(() => this.letGo()));
    onLanguage(() => this.items.clear());
    desk.on("people", () => this.isListed && Date.now() - (this.readAt || 0) > AGAIN_MS && this.read());
    desk.on("tick", () => this.countDown());
  }

  /** Another incident comes to hand. */
  begin() {
    this.incident = null;
    this.answer = null;
    this.items.clear();
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
    this.clear();
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
    for (const node of this.list.querySelectorAll("[data-fix]")) setText(node, say("fixAge", { seconds: Math.max(0, Math.round((serverNow() - Number(node.dataset.fix)) / 1000)) }));
    this.showNote();
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
      this.clear();
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
      if (this.answer && error.isPassing) return; // what is shown says as of when it is
      this.answer = null;
      this.note.textContent = error.reason || error.message;
      this.clear();
    }
  }

  showList() {
    const { candidates, passed_over: passed } = this.answer;
    this.title.textContent = say("candidates");
    this.showNote();
    this.arrange(candidates);
    fill(this.others, passed.length > 0 && h("summary", {}, say(candidates.length ? "passedOver" : "cannotBeSent", { count: passed.length })), passed.map((one) => h("p", {}, h("b", {}, one.name), ` ${say("minutes", { minutes: one.minutes })} `, h("span", { class: "ds-against" }, one.reasons.map((note) => this.noteWords(note)).join("；")), this.allTheSame(one))));
    this.others.hidden = !passed.length;
    this.others.open = !candidates.length; // where nobody fits, it matters why
  }

  clear() {
    this.items.clear();
    fill(this.list);
  }

  /** How many there are, and as of when the list is. */
  showNote() {
    if (!this.answer || !this.isListed) return;
    const { candidates, on_duty: onDuty, free, without_place: unknown, at } = this.answer;
    const isOld = serverNow() - Date.parse(at) > 3 * AGAIN_MS;
    const words = candidates.length ? say("howMany", { onDuty, free, unknown }) : say("nobody", { onDuty, free });
    setText(this.note, `${words}${say("listAsOf", { at: clockTime(at, this.catalogue.zone, { seconds: true }) })}${this.isHeld && this.isOtherwise ? ` ${say("orderWaits")}` : ""}`);
    this.note.classList.toggle("ds-warn", isOld);
  }

  get isHeld() {
    return this.list.matches(":hover, :focus-within");
  }

  /** The hand has left the list: the order that waited is shown. */
  letGo() {
    if (this.isOtherwise && !this.isHeld && this.answer && this.isListed) this.showList();
  }

  /**
   * Show the candidates. Under the hand nothing changes its place: figures are brought up to date where they stand,
   * who has come is put below, who has dropped out is marked.
   */
  arrange(candidates) {
    const wanted = candidates.map(keyOf);
    const known = [...this.items.keys()];
    const isHeld = this.isHeld && known.length > 0;
    const order = isHeld ? [...known, ...wanted.filter((key) => !this.items.has(key))] : wanted;
    this.isOtherwise = order.join("\n") !== wanted.join("\n");
    const items = new Map();
    order.forEach((key, i) => {
      const item = this.items.get(key) || this.newItem();
      const one = candidates[wanted.indexOf(key)];
      item.element.classList.toggle("is-out", !one);
      this.showCandidate(item, one || item.one, i, !one);
      items.set(key, item);
    });
    this.items = items;
    const elements = [...items.values()].map(({ element }) => element);
    if (isHeld) this.list.append(...elements.filter((one) => one.parentNode !== this.list));
    else fill(this.list, elements);
    this.showNote();
  }

  newItem() {
    const item = { one: null };
    const wayOf = () => item.one.team?.last || item.one.responder; // the minutes of a team are those of its last
    const show = () => this.showWaySoon(wayOf());
    item.minutes = h("b", {});
    item.who = h("div", { class: "ds-candidate-who" });
    item.number = h("kbd", {});
    item.push = this.desk.mayAct && h("button", { type: "button", on: { click: (event) => (event.stopPropagation(), this.send(item.one)), keydown: (event) => event.repeat && event.preventDefault() } }, say("send"), item.number);
    item.element = h(
      "li",
      { class: "ds-candidate", on: { pointerenter: show, focusin: show, click: () => this.pin(wayOf()) } },
      h("span", { class: "ds-minutes" }, item.minutes, h("small", {}, say("min"))),
      item.who,
      item.push,
    );
    return item;
  }

  showCandidate(item, one, i, isOut) {
    item.one = one;
    if (!isOut) item.at = Date.parse(this.answer.at);
    item.element.dataset.responder = one.responder;
    setText(item.minutes, String(one.minutes));
    setText(item.number, String(i + 1));
    if (item.push) {
      item.push.className = i === 0 ? "primary" : "";
      item.push.disabled = Boolean(this.isSending);
      item.push.setAttribute("aria-label", `${say("send")} ${one.kind === "team" ? one.team.name : one.name}`);
    }
    fill(
      item.who,
      h("p", {}, h("b", {}, one.kind === "team" ? one.team.name : one.name), " ", h("span", { class: "ds-soft" }, (one.team ? [say("teamLast", { name: one.team.members.find((member) => member.responder === one.team.last)?.name || "" }), sayCode("mode", one.mode), say("straight", { metres: one.straight_m })] : [sayCode("role", one.role), sayCode("mode", one.mode), say("straight", { metres: one.straight_m })]).join(" · "))),
      isOut && h("p", { class: "ds-warn" }, say("droppedOut")),
      one.team && h("p", { class: "ds-soft" }, one.team.members.map((member) => `${member.name} ${say("minutes", { minutes: member.minutes })}`).join("、")),
      h("p", { class: "ds-for" }, one.reasons.map((note) => this.reason(note, item.at))),
      one.shortfalls.length > 0 && h("p", { class: "ds-against" }, one.shortfalls.map((note) => h("span", {}, this.noteWords(note)))),
    );
  }

  /** What speaks for somebody; how old his position is counts on. */
  reason(note, at) {
    if (note.code !== "live") return h("span", {}, this.noteWords(note));
    const fixedAt = at - 1000 * note.fix_age_s;
    return h("span", { data: { fix: String(fixedAt) } }, say("fixAge", { seconds: Math.max(0, Math.round((serverNow() - fixedAt) / 1000)) }));
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
    this.isSending = true;
    return this.act(() => post(`/v1/incidents/${this.incident.id}/dispatches`, body, { key }), { done: () => (this.isAsking = false) }).finally(() => (this.isSending = false));
  }

  /** Put the keyboard on the button of the n-th candidate. */
  focusOn(n) {
    [...this.list.querySelectorAll(".ds-candidate button"), ...this.others.querySelectorAll("button")][n]?.focus();
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

/** Who it is: a team is something else than the one who leads it. */
const keyOf = (one) => (one.kind === "team" ? `team ${one.team.code}` : one.responder);
