/* The week: a row a person, a column a day, shifts as bars, posts as pins, leave as hatching. */

import { h, roleWords, say, weekdayWords } from "./dom.js";
import { DAY, at, clockOf, dayOf, daysOf, later, shortly } from "./time.js";

const WEEK = 7 * DAY;

/** A place in the week as a share of its width. */
function share(state, moment) {
  const begin = at(state.monday);
  return Math.min(1, Math.max(0, (Date.parse(moment) - begin) / (at(later(state.monday, 7)) - begin)));
}

const percent = (value) => `${(value * 100).toFixed(3)}%`;

/** Build the table of a week. `open(person, day)` is called for a day that is clicked or entered. */
export function table(state, open, openPost) {
  const days = daysOf(state.monday);
  const grid = h("div", { class: "ro-grid", role: "grid", "aria-label": say("rota"), "aria-rowcount": state.week.people.length + 1, "aria-colcount": 8 });
  grid.append(head(days));
  if (state.lack) grid.append(lackRow(state));
  // the posts stand between those who work and those who only hold a role
  const boundary = state.week.people.findLastIndex((person) => person.shifts.length || person.absences.length) + 1;
  const part = (key) => h("div", { class: "ro-row ro-part", role: "row" }, h("div", { class: "ro-who", role: "rowheader" }, say(key)));
  state.week.people.forEach((person, row) => {
    if (row === boundary) grid.append(...postRows(state, part, openPost), part("withoutShifts"));
    grid.append(personRow(state, person, row, days, open));
  });
  if (!state.week.people.length) grid.append(h("p", { class: "ro-none" }, say("nobody")));
  if (boundary === state.week.people.length) grid.append(...postRows(state, part, openPost));
  grid.addEventListener("keydown", (event) => walk(grid, event));
  const first = grid.querySelector(".ro-day[data-row]");
  if (first) first.tabIndex = 0;
  return grid;
}

function head(days) {
  const today = dayOf(Date.now());
  return h(
    "div",
    { class: "ro-row ro-head", role: "row" },
    h("div", { class: "ro-who", role: "columnheader" }, say("person")),
    h("div", { class: "ro-track" }, days.map((day) => h(
      "div",
      { class: day === today ? "ro-date today" : "ro-date", role: "columnheader" },
      h("b", {}, weekdayWords(day)), " ", day.slice(5),
    ))),
  );
}

/** How many people lack in each hour, all cells together, as a strip. */
function lackRow(state) {
  const hours = new Array(state.lack.hours).fill(0);
  for (const cell of state.lack.cells) cell.lacking.forEach((count, hour) => { hours[hour] += count; });
  const most = Math.max(1, ...hours);
  const width = 1 / hours.length;
  const strips = [];
  for (let i = 0; i < hours.length;) {
    let end = i + 1;
    while (end < hours.length && hours[end] === hours[i]) end += 1;
    if (hours[i]) {
      const from = at(state.monday) + i * 3600000;
      strips.push(h("span", {
        class: "ro-lack", style: { left: percent(i * width), width: percent((end - i) * width), opacity: String(0.2 + 0.8 * (hours[i] / most)) },
        title: `${shortly(from)}—${clockOf(from + (end - i) * 3600000)} ${say("lacking")} ${hours[i]}`,
      }, end - i >= 3 ? String(hours[i]) : ""));
    }
    i = end;
  }
  return h("div", { class: "ro-row ro-lacking", role: "row" },
    h("div", { class: "ro-who", role: "rowheader" }, say("lacking")), h("div", { class: "ro-track" }, strips));
}

function personRow(state, person, row, days, open) {
  const track = h("div", { class: "ro-track" });
  days.forEach((day, column) => {
    const cell = h("div", {
      class: [5, 6].includes(column) ? "ro-day weekend" : "ro-day", role: "gridcell", tabIndex: -1, data: { row, column, code: person.code, day },
      "aria-label": dayLabel(person, day),
    });
    track.append(cell);
  });
  track.addEventListener("click", (event) => {
    // bars lie over the days: where the click is says which day is meant
    const box = track.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * 7);
    open(person, event.target.dataset.day || days[Math.min(6, Math.max(0, column))]);
  });
  for (const leave of person.absences) track.append(leaveBar(state, leave));
  for (const shift of person.shifts) track.append(shift.from === "window" || shift.post ? pin(state, shift) : bar(state, shift));
  const cells = [...new Set(person.duties.map((duty) => duty.name || duty.code))];
  return h(
    "div",
    { class: "ro-row", role: "row", "aria-rowindex": row + 2 },
    h("div", { class: "ro-who", role: "rowheader", title: `${person.code} ${person.agency} ${cells.join("、")}` },
      h("b", {}, person.name), h("span", { class: `ro-role r-${person.role}` }, roleWords(person.role)),
      h("small", {}, cells.length > 2 ? `${cells[0]} +${cells.length - 1}` : cells.join("、"))),
    track,
  );
}

/** What is on a day, as a screen reader says it. */
export function dayLabel(person, day) {
  const begin = at(day), end = at(later(day, 1));
  const said = person.shifts.filter((s) => Date.parse(s.start) < end && Date.parse(s.end) > begin)
    .map((s) => `${clockOf(s.start)}—${clockOf(s.end)}${s.post ? ` ${s.post.name}` : ""}${s.instead_of ? ` ${say("insteadOf", s.instead_of)}` : ""}`);
  for (const leave of person.absences) {
    if (Date.parse(leave.start) < end && Date.parse(leave.end) > begin) said.push(say(`kind_${leave.kind}`));
  }
  return `${person.name} ${weekdayWords(day)} ${day.slice(5)}: ${said.join("; ") || say("nothing")}`;
}

function placed(state, start, end) {
  const left = share(state, start);
  return { left: percent(left), width: percent(Math.max(0, share(state, end) - left)) };
}

function bar(state, shift) {
  const kind = shift.instead_of ? "standin" : shift.from;
  const text = `${clockOf(shift.start)}—${clockOf(shift.end)}`;
  const said = shift.instead_of ? `${say("insteadOf", shift.instead_of)} ${text}` : text;
  const tight = !shift.instead_of && briefly(shift).length > 8 && Date.parse(shift.end) - Date.parse(shift.start) < 10 * 3600000;
  return h("span", { class: `ro-bar ${kind}${tight ? " tight" : ""}`, style: placed(state, shift.start, shift.end), title: said },
    h("i", {}, shift.instead_of ? say("insteadOf", shift.instead_of) : briefly(shift)));
}

/** Hours in as few signs as can be: 8–20, 8:30–17:30. */
function briefly(shift) {
  const short = (moment) => clockOf(moment).replace(/^0/, "").replace(":00", "");
  return `${short(shift.start)}–${short(shift.end)}`;
}

function pin(state, shift) {
  const title = `${shift.post ? shift.post.name : ""} ${clockOf(shift.start)}—${clockOf(shift.end)}${shift.instead_of ? ` ${say("insteadOf", shift.instead_of)}` : ""}`;
  return h("span", { class: shift.instead_of ? "ro-pin standin" : "ro-pin", style: placed(state, shift.start, shift.end), title });
}

function leaveBar(state, leave) {
  const words = [say(`kind_${leave.kind}`), leave.substitute && say("standsIn", leave.substitute), leave.note].filter(Boolean).join(" ");
  return h("span", {
    class: `ro-leave${leave.substitute ? " covered" : ""}${leave.post ? " at-post" : ""}`, title: `${words} ${shortly(leave.start)}—${shortly(leave.end)}`,
    style: placed(state, leave.start, leave.end),
  }, h("i", {}, words));
}

function postRows(state, part, openPost) {
  return state.week.posts.length ? [part("posts"), ...state.week.posts.map((post) => postRow(state, post, openPost))] : [];
}

function postRow(state, post, openPost) {
  const track = h("div", { class: "ro-track" }, Array.from({ length: 7 }, (_, i) => h("div", { class: i > 4 ? "ro-day weekend" : "ro-day", "aria-hidden": "true" })));
  for (const opening of post.openings) {
    const who = opening.standing.map((one) => one.name + (one.instead_of ? ` (${say("insteadOf", one.instead_of)})` : "")).join("、") || say("legendEmpty");
    const said = `${post.name} ${shortly(opening.start)}—${clockOf(opening.end)} ${who}`;
    const kind = opening.empty.length ? "empty" : opening.standing.some((one) => one.instead_of) ? "standin" : "";
    track.append(h("button", {
      type: "button", class: `ro-opening ${kind}`, title: said, "aria-label": said, style: placed(state, opening.due, opening.end),
      on: { click: () => openPost(post, opening) },
    }, h("i", {}, opening.empty.length ? say("legendEmpty") : clockOf(opening.start).replace(/^0/, ""))));
  }
  return h("div", { class: "ro-row ro-post", role: "row" },
    h("div", { class: "ro-who", role: "rowheader", title: post.code }, h("b", {}, post.name)), track);
}

/** Arrow keys go from day to day; Enter and Space open it. */
function walk(grid, event) {
  const cell = event.target.closest(".ro-day[data-row]");
  if (!cell) return;
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -9], End: [0, 9] }[event.key];
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    cell.click();
  } else if (step) {
    event.preventDefault();
    const row = Number(cell.dataset.row) + step[0];
    const column = Math.min(6, Math.max(0, Number(cell.dataset.column) + step[1]));
    const next = grid.querySelector(`.ro-day[data-row="${row}"][data-column="${column}"]`);
    if (next) focusDay(grid, next);
  }
}

/** Make one day the one that Tab comes to. */
export function focusDay(grid, cell) {
  grid.querySelectorAll('.ro-day[tabindex="0"]').forEach((one) => { one.tabIndex = -1; });
  cell.tabIndex = 0;
  cell.focus();
}

/** The day that the keyboard is on. */
export function dayInFocus() {
  const cell = document.activeElement && document.activeElement.closest(".ro-day[data-row]");
  return cell ? { code: cell.dataset.code, day: cell.dataset.day } : null;
}

/** A thin line at the present moment. */
export function nowLine(state) {
  const now = Date.now(), begin = at(state.monday);
  if (now < begin || now >= begin + WEEK) return null;
  return h("div", { class: "ro-now", "aria-hidden": "true", style: { left: `calc(var(--who) + (100% - var(--who)) * ${share(state, new Date(now).toISOString())})` } });
}
