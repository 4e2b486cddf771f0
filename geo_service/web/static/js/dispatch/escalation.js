/*
 * Supervision cards and whistles of the incident at hand: who was called on which rung, who has acknowledged, come and
 * answered, and when the next one is called.
 */

import { clockTime, serverNow, span } from "../kit/clock.js";
import { dialog, field, fill, h, select, setText } from "../kit/dom.js";
import { newKey, post } from "../kit/http.js";
import { either, say, sayCode } from "../kit/i18n.js";
import { cardSign, isOver, isWaiting, kindOf } from "./cards.js";

const MOST_CALLED = 2;
const ACTS = { acknowledge: new Set(["called"]), arrive: new Set(["called", "acknowledged"]), answer: new Set(["called", "acknowledged", "arrived"]) };

export class Escalations {
  /** `act(doing, options)` carries out what is done, `cellName(level, code)` tells what a cell is called. */
  constructor(desk, catalogue, { act, cellName }) {
    Object.assign(this, { desk, catalogue, act, cellName });
    this.element = h("section", { class: "ds-part ds-escalations", hidden: true });
    desk.on("tick", () => this.tick());
  }

  show(incident, escalations) {
    this.incident = incident;
    const open = escalations.filter((one) => !isOver(one)).sort((a, b) => (kindOf(a) === "red" ? 0 : 1) - (kindOf(b) === "red" ? 0 : 1) || b.id - a.id);
    const over = escalations.filter(isOver);
    const isSame = this.element.dataset.of === incident.id;
    this.unfolded = new Set(isSame ? [...this.element.querySelectorAll("details[open]")].map((one) => one.dataset.fold) : []);
    this.element.dataset.of = incident.id;
    this.element.hidden = !escalations.length;
    fill(this.element, open.map((one) => this.card(one)), over.length > 0 && this.fold("over", [say("cardsOver", { count: over.length })], over.map((one) => this.overLine(one)), "ds-fold"));
    this.tick();
  }

  /** What can be unfolded; what was unfolded stays so. */
  fold(name, summary, content, className) {
    return h("details", { class: className, data: { fold: name }, open: this.unfolded.has(name) }, h("summary", {}, summary), content);
  }

  /** A card in two lines: how it stands and whom it called last. Unfolded, all that became of it. */
  card(one) {
    const last = [...one.lines].reverse().find(({ what }) => what === "call");
    const acts = this.mayAct ? this.buttons(one) : [];
    const summary = [
      h("span", { class: "ds-escalation-head" }, cardSign(one), h("b", {}, this.titleOf(one)), h("span", { class: "ds-status" }, either(one.stage_zh, say(`stage_${one.stage}`))), h("span", { class: "ds-climb", data: { at: one.climbs_at || "", says: this.climbWords(one) } })),
      h("span", { class: "ds-escalation-called" }, h("span", {}, last ? say("calledAt", { cell: this.cellName(last.level, last.cell_code) }) : say("climbNobody"), last && namesOf(last.people)), acts[0]),
    ];
    const content = [
      one.words && h("p", {}, `“${one.words}”`),
      h("ol", { class: "ds-ladder" }, one.lines.map((line) => this.line(line))),
      acts.length > 1 && h("div", { class: "ds-row" }, acts.slice(1)),
    ];
    const made = this.fold(String(one.id), summary, content, `ds-escalation ${kindOf(one)}`);
    Object.assign(made.dataset, { escalation: String(one.id), stage: one.stage });
    return made;
  }

  /** Leaders are called as well, and may say that they have heard. */
  get mayAct() {
    return this.desk.mayAct || this.desk.me.role === "leader";
  }

  titleOf(one) {
    if (one.kind === "whistle") return say("whistleBy", { who: one.issued_by });
    return say(one.colour === "red" ? "cardOverdue" : "cardSoon", { phase: say(`phase_${one.phase}`) });
  }

  /** One line of what became of it; that it was issued its head says. */
  line(line) {
    const { zone } = this.catalogue;
    const at = h("time", {}, clockTime(line.at, zone, { seconds: true }));
    if (line.what === "call") {
      return h("li", { class: "call" }, at, h("div", {}, h("b", {}, say("calledAt", { cell: this.cellName(line.level, line.cell_code) })), this.people(line.people)));
    }
    if (line.what === "issue") return null;
    const who = line.people.length ? line.people.map((person) => person.name).join("、") : line.who;
    const by = line.people.length && line.who !== who ? say("writtenBy", { who: line.who }) : "";
    return h("li", { class: line.what }, at, h("div", {}, h("b", {}, say(`did_${line.what}`)), line.what === "lift" ? "" : ` ${who} `, by && h("span", { class: "ds-soft" }, by), line.words && h("span", {}, `“${line.words}”`)));
  }

  people(people) {
    return dutyFirst(people).flatMap((one) => [h("span", { class: one.on_duty ? "ds-holder on" : "ds-holder" }, `${one.name}（${sayCode("role", one.role)}）`, h("i", {}, say(one.on_duty ? "onDuty" : "offDuty"))), document.createTextNode(" ")]);
  }

  climbWords(one) {
    if (!one.climbs_at) return one.called.length ? "climbTop" : ""; // nobody to call: the line below says so
    return isWaiting(one) && one.kind === "card" ? "climbNext" : "climbAnswer";
  }

  /** Bring the clocks up to the second. */
  tick() {
    if (this.element.hidden) return;
    for (const node of this.element.querySelectorAll(".ds-climb")) {
      const { at, says } = node.dataset;
      const left = at ? (Date.parse(at) - serverNow()) / 1000 : 0;
      const isLate = says === "climbAnswer" && left < 0;
      setText(node, isLate ? say("climbAnswerLate", { span: span(left) }) : says && say(says, { span: span(Math.max(0, left)) }));
      node.classList.toggle("late", isLate);
    }
  }

  overLine(one) {
    const last = one.lines[one.lines.length - 1];
    const words = one.stage === "answered" ? last.words : "";
    return h("p", { class: "ds-soft" }, cardSign(one), ` ${this.titleOf(one)} · ${either(one.stage_zh, say(`stage_${one.stage}`))} ${clockTime(last.at, this.catalogue.zone)}`, words && ` “${words}”`);
  }

  // -------------------------------------------------------------------------------------------- acting

  buttons(one) {
    const can = Object.keys(ACTS).filter((act) => ACTS[act].has(one.stage));
    return can.map((act) => h("button", { type: "button", data: { act }, class: act === can[0] ? "primary" : "", on: { click: () => this.do(one, act) } }, say(`do_${act}`)));
  }

  /** Who it is must be said where several were called; an answer needs words. */
  do(one, act) {
    const key = newKey();
    const send = (body, options) => this.act(() => post(`/v1/escalations/${one.id}/${act}`, body, { key }), options);
    const people = everCalled(one);
    if (act !== "answer" && people.length < 2) {
      send({ responder: people[0]?.responder ?? null });
      return;
    }
    const inOrder = dutyFirst(people);
    const there = [...one.lines].reverse().find((line) => line.people.length && line.what !== "call")?.people[0]?.responder;
    const who = select([...inOrder.map((person) => [person.responder, `${person.name}（${sayCode("role", person.role)}）`]), ["", say("nobodyNamed")]], there || inOrder[0]?.responder || "");
    const words = h("textarea", { rows: 3, maxLength: 1000, required: act === "answer" });
    dialog(say(`do_${act}`), [field("whoItIs", who), field(act === "answer" ? "answerWords" : "wordsToo", words)], {
      accept: () => send({ responder: who.value || null, words: words.value.trim() }, { strict: true }),
    });
  }

  /** Call somebody by hand: the holders of a cell over the place, the next one first. */
  blow() {
    const path = [...this.incident.placement.path].reverse();
    const cells = path.map((cell) => [`${cell.level}/${cell.code}`, cell.name || cell.code]);
    const where = select([["", say("whistleNext")], ...cells], "");
    const words = h("textarea", { rows: 3, maxLength: 1000 });
    const key = newKey();
    const { id } = this.incident;
    dialog(say("blow"), [h("p", { class: "ds-soft" }, say("blowSays")), field("whistleWhom", where), field("whistleWords", words)], {
      accept: () => {
        const [level, cell] = where.value.split("/");
        const body = { words: words.value.trim(), ...(cell ? { level, cell } : {}) };
        return this.act(() => post(`/v1/incidents/${id}/whistles`, body, { key }), { strict: true });
      },
    });
  }
}

const dutyFirst = (people) => [...people].sort((a, b) => Number(b.on_duty || 0) - Number(a.on_duty || 0));

/** The first of those who were called, who is on duty before the others. */
function namesOf(people) {
  const names = dutyFirst(people).slice(0, MOST_CALLED).map((one) => one.name).join("、");
  return people.length > MOST_CALLED ? say("namesAnd", { names, count: people.length }) : names;
}

/** Everybody who was called, each once, those of the last call first. */
function everCalled(one) {
  const found = new Map();
  for (const line of [...one.lines].reverse()) {
    if (line.what !== "call") continue;
    for (const person of line.people) if (!found.has(person.responder)) found.set(person.responder, person);
  }
  return [...found.values()];
}
