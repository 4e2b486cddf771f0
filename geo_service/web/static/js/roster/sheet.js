/* A person's day: what is on it, and the forms that change it. */

import * as api from "./api.js";
import { button, dialog, field, h, say, select, toast, weekdayWords } from "./dom.js";
import { at, clockOf, dayOf, endOf, later, shortly, written } from "./time.js";
import { pickPerson } from "./people.js";

/** Open somebody's day. `form` opens a form at once: shift, leave, swap. `done` is called when something changed. */
export function openDay(state, person, day, done, form = null) {
  const box = dialog(`${person.name} · ${weekdayWords(day)} ${day}`);
  const body = box.querySelector(".ro-dialog-body");
  const context = { state, person, day, box, body, done };
  showDay(context);
  if (form) FORMS[form](context);
  return box;
}

const FORMS = { shift: (context) => shiftForm(context), leave: (context) => leaveForm(context), swap: (context) => swapForm(context) };

function showDay(context) {
  const { state, person, day, body } = context;
  const begin = at(day), end = at(later(day, 1));
  const on = (one) => Date.parse(one.start) < end && Date.parse(one.end) > begin;
  const lines = [...person.shifts.filter(on).map((one) => shiftLine(context, one)), ...person.absences.filter(on).map((one) => leaveLine(context, one))];
  const list = lines.length ? h("ul", { class: "ro-list" }, lines) : h("p", { class: "ro-soft" }, say("nothing"));
  const acts = state.mayEdit
    ? h("div", { class: "ro-acts" },
      button(say("add"), () => shiftForm(context), { class: "primary" }),
      button(say("leave"), () => leaveForm(context)),
      button(say("swap"), () => swapForm(context)),
      button(say("rota"), () => { context.box.dataset.quiet = "yes"; context.box.close(); state.openRota(person); }))
    : null;
  body.replaceChildren(list, ...(acts ? [acts] : []));
}

const span = (one) => `${clockOf(one.start)}—${clockOf(one.end)}${dayOf(one.end) > dayOf(one.start) && clockOf(one.end) !== "00:00" ? ` (${say("nextDay")})` : ""}`;

function shiftLine(context, shift) {
  const words = [say(shift.from), shift.post && shift.post.name, shift.instead_of && say("insteadOf", shift.instead_of)].filter(Boolean).join(" · ");
  const acts = [];
  if (context.state.mayEdit && !shift.instead_of) {
    if (shift.from === "shift") {
      acts.push(button(say("change"), () => shiftForm(context, shift)));
      acts.push(button(say("remove"), () => act(context, () => api.remove("shifts", shift.id), "removed"), { class: "danger" }));
    } else {
      const post = shift.post ? shift.post.code : null;
      acts.push(button(say("swap"), () => swapForm(context, shift)));
      acts.push(button(say("dropOnce"), () => act(context, () => api.add("absences", {
        responder: context.person.code, start: shift.start, end: shift.end, kind: "other", post,
      })), { class: "danger" }));
    }
  }
  return h("li", {}, h("b", {}, span(shift)), " ", h("span", {}, words), h("span", { class: "ro-line-acts" }, acts));
}

function leaveLine(context, leave) {
  const words = [say(`kind_${leave.kind}`), leave.substitute && say("standsIn", leave.substitute), leave.note].filter(Boolean).join(" · ");
  const remove = button(say("remove"), () => act(context, () => api.remove("absences", leave.id), "removed"), { class: "danger" });
  return h("li", { class: "away" }, h("b", {}, `${shortly(leave.start)}—${shortly(leave.end)}`), " ", h("span", {}, words),
    h("span", { class: "ro-line-acts" }, context.state.mayEdit ? remove : null));
}

/** Do something on the server; say how it went, and show the week anew. */
async function act(context, what, words = "saved") {
  try {
    await what();
    context.box.close();
    toast(say(words));
    await context.done(context.person.code, context.day);
  } catch (error) {
    if (error.status === 412 || error.status === 428) toast(say("changedMeanwhile"), true);
    else complain(context, error.reason || error.message);
  }
}

function complain(context, words) {
  let line = context.body.querySelector(".ro-bad");
  if (!line) {
    line = h("p", { class: "ro-bad", role: "alert" });
    context.body.append(line);
  }
  line.textContent = words;
}

/** A form that saves on Enter and goes back to the day on cancel. */
function form(context, title, fields, save) {
  const node = h("form", { class: "ro-form" }, h("h3", {}, title), fields,
    h("div", { class: "ro-acts" }, h("button", { type: "submit", class: "primary" }, say("save")), button(say("cancel"), () => showDay(context))));
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const submit = node.querySelector("[type=submit]");
    submit.disabled = true;
    await save();
    submit.disabled = false;
  });
  context.body.replaceChildren(node);
  node.querySelector("input, select").focus();
}

const clock = (value) => h("input", { type: "time", value, required: true, step: "300" });
const date = (value) => h("input", { type: "date", value, required: true });

function shiftForm(context, shift = null) {
  const { state, person, day } = context;
  const begin = clock(shift ? clockOf(shift.start) : "08:00");
  const end = clock(shift ? clockOf(shift.end) : "17:30");
  const first = date(shift ? dayOf(shift.start) : day);
  const chosen = shift && shift.post ? shift.post.code : "";
  const post = select([["", say("noPost")], ...state.posts.map((one) => [one.code, one.name])], chosen);
  const note = h("input", { type: "text", maxlength: "500" });
  form(context, shift ? say("change") : say("add"), [
    field("firstDay", first), field("start", begin), field("end", end), field("post", post), field("note", note),
  ], () => act(context, async () => {
    const said = {
      responder: person.code, start: written(at(first.value, begin.value)), end: written(endOf(first.value, begin.value, end.value)),
      post: post.value || null, note: note.value,
    };
    if (!shift) return api.add("shifts", said);
    const { content, tag } = await api.read("shifts", shift.id);
    return api.put("shifts", shift.id, { ...said, note: note.value || content.note }, tag);
  }));
}

function leaveForm(context) {
  const { person, day } = context;
  const kind = select(["leave", "sick", "training", "other"].map((one) => [one, say(`kind_${one}`)]), "leave");
  const first = date(day), last = date(day);
  const who = pickPerson({ optional: true, not: person.code });
  const note = h("input", { type: "text", maxlength: "500" });
  form(context, say("leave"), [
    field("kind", kind), field("firstDay", first), field("lastDay", last), field("substitute", who.node), field("note", note),
  ], async () => {
    if (last.value < first.value) return complain(context, say("endBeforeStart"));
    const substitute = await who.chosen();
    if (substitute === undefined) return complain(context, say("pickColleague"));
    return act(context, () => api.add("absences", {
      responder: person.code, kind: kind.value, start: written(at(first.value)), end: written(at(later(last.value, 1))), substitute, note: note.value,
    }));
  });
}

/** Somebody takes a shift over; perhaps one of his is taken in return. Both or neither are written. */
function swapForm(context, shift = null) {
  const { person, day } = context;
  const begin = at(day), end = at(later(day, 1));
  const of = (one) => !one.instead_of && Date.parse(one.start) < end && Date.parse(one.start) >= begin;
  const own = shift ? [shift] : person.shifts.filter(of).sort((a, b) => Boolean(a.post) - Boolean(b.post));
  const which = select([["", weekdayWords(day)], ...own.map((one, i) => [String(i), `${span(one)} ${one.post ? one.post.name : ""}`])], own.length ? "0" : "");
  const who = pickPerson({ optional: false, not: person.code });
  const inReturn = h("input", { type: "checkbox" });
  const returnDay = date(later(day, 1));
  const returnField = field("returnDay", returnDay);
  returnField.hidden = true;
  inReturn.addEventListener("change", () => { returnField.hidden = !inReturn.checked; });
  form(context, say("swap"), [
    field("whichShift", which), field("colleague", who.node), h("label", { class: "ro-check" }, inReturn, " ", say("inReturn")), returnField,
  ], async () => {
    const colleague = await who.chosen();
    if (!colleague) return complain(context, say("pickColleague"));
    const chosen = own[Number(which.value)];
    const given = which.value !== "" && chosen
      ? { start: chosen.start, end: chosen.end, post: chosen.post ? chosen.post.code : null }
      : { start: written(begin), end: written(end), post: null };
    const first = { responder: person.code, substitute: colleague, kind: "swap", ...given };
    if (!inReturn.checked) return act(context, () => api.add("absences", first));
    const back = { responder: colleague, substitute: person.code, kind: "swap", start: written(at(returnDay.value)), end: written(at(later(returnDay.value, 1))) };
    return act(context, () => api.add("swaps", { first, second: back }));
  });
}

/** Open one time of a post: who stands there, and somebody else for that day. */
export function openPost(state, post, opening, done) {
  const box = dialog(`${post.name} · ${weekdayWords(dayOf(opening.start))} ${shortly(opening.start)}—${clockOf(opening.end)}`);
  const body = box.querySelector(".ro-dialog-body");
  const context = { state, box, body, done, person: { code: "" }, day: dayOf(opening.start) };
  const names = opening.standing.map((one) => one.name + (one.instead_of ? ` (${say("insteadOf", one.instead_of)})` : ""));
  const who = pickPerson({ optional: false, not: "" });
  const holder = opening.standing.find((one) => !one.instead_of);
  const parts = [h("p", {}, names.join("、") || say("legendEmpty"))];
  if (state.mayEdit) {
    const node = h("form", { class: "ro-form" }, field("standFor", who.node), h("div", { class: "ro-acts" }, h("button", { type: "submit", class: "primary" }, say("save"))));
    node.addEventListener("submit", async (event) => {
      event.preventDefault();
      const code = await who.chosen();
      if (!code) return complain(context, say("pickColleague"));
      const times = { start: opening.due, end: opening.end, post: post.code };
      return act(context, () => (holder
        ? api.add("absences", { responder: holder.code, substitute: code, kind: "swap", ...times })
        : api.add("shifts", { responder: code, ...times, note: say("standFor") })));
    });
    parts.push(node);
  }
  body.replaceChildren(...parts);
  return box;
}
