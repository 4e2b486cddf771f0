/* Somebody's rota: lines that come back every week, or every so many weeks. */

import * as api from "./api.js";
import { button, dialog, h, say, select, toast } from "./dom.js";
import { dayOf, mondayOf } from "./time.js";

/** Open the rota of a person; `done` is called when it was changed. */
export async function openRota(state, person, done) {
  const box = dialog(`${say("rota")} · ${person.name}`);
  const body = box.querySelector(".ro-dialog-body");
  box.classList.add("wide");
  try {
    const { content, tag } = await api.read("rotas", person.code);
    show(state, person, content, tag, box, body, done);
  } catch (error) {
    body.append(h("p", { class: "ro-bad", role: "alert" }, error.reason || error.message));
  }
}

function show(state, person, rota, tag, box, body, done) {
  const rows = h("tbody");
  const editors = [];
  const none = h("p", { class: "ro-soft" }, say("noLines"));
  const mark = () => { none.hidden = editors.length > 0; };
  const addLine = (line) => {
    const editor = lineEditor(state, line);
    const drop = button("×", () => {
      editors.splice(editors.indexOf(editor), 1);
      editor.row.remove();
      mark();
    }, { title: say("remove"), "aria-label": say("remove"), class: "danger" });
    if (state.mayEdit) editor.row.append(h("td", {}, drop));
    editors.push(editor);
    rows.append(editor.row);
    mark();
  };
  rota.lines.forEach(addLine);
  mark();
  const bad = h("p", { class: "ro-bad", role: "alert", hidden: true });
  const save = async () => {
    bad.hidden = true;
    try {
      await api.put("rotas", person.code, { responder: person.code, lines: editors.map((one) => one.read()) }, tag);
      box.close();
      toast(say("saved"));
      await done(person.code);
    } catch (error) {
      bad.hidden = false;
      bad.textContent = error.status === 412 ? say("changedMeanwhile") : error.reason || error.message;
    }
  };
  const heads = ["weekdays", "start", "end", "everyWeeks", "firstWeek", "calendar"].map((key) => h("th", { scope: "col" }, say(key)));
  body.replaceChildren(
    h("table", { class: "ro-lines" }, h("thead", {}, h("tr", {}, heads)), rows), none, bad,
    state.mayEdit
      ? h("div", { class: "ro-acts" }, button(say("addLine"), () => addLine({ weekdays: [1, 2, 3, 4, 5], start: "08:00", end: "17:30", every_weeks: 1 })),
        button(say("save"), save, { class: "primary" }))
      : "",
  );
}

function lineEditor(state, line) {
  const disabled = !state.mayEdit;
  const days = [1, 2, 3, 4, 5, 6, 7].map((day) => h("input", { type: "checkbox", checked: line.weekdays.includes(day), disabled, "aria-label": say(`week${day}`) }));
  const start = h("input", { type: "time", value: line.start.slice(0, 5), required: true, disabled });
  const end = h("input", { type: "time", value: line.end.slice(0, 5), required: true, disabled });
  const every = h("input", { type: "number", min: "1", max: "52", value: String(line.every_weeks), disabled });
  const first = h("input", { type: "date", value: line.every_weeks > 1 ? line.first_week : mondayOf(dayOf(Date.now())), disabled });
  const calendar = select([["", say("noCalendar")], ...state.calendars.map((one) => [one.code, one.name])], line.calendar || "", { disabled });
  const row = h("tr", {},
    h("td", { class: "ro-days" }, days.map((box, i) => h("label", {}, box, say(`week${i + 1}`)))),
    h("td", {}, start), h("td", {}, end), h("td", {}, every), h("td", {}, first), h("td", {}, calendar));
  return {
    row,
    read: () => ({
      weekdays: days.flatMap((box, i) => (box.checked ? [i + 1] : [])),
      start: start.value, end: end.value, every_weeks: Number(every.value) || 1,
      ...(Number(every.value) > 1 && first.value ? { first_week: first.value } : {}),
      first: line.first || null, last: line.last || null, timezone: line.timezone || state.zone, calendar: calendar.value || null,
    }),
  };
}
