/* The roster of a week: fetched, drawn, changed by click and by keyboard. */

import * as api from "./api.js";
import { button, h, roleWords, say, select } from "./dom.js";
import { bringIn, takeOut } from "./files.js";
import { openRota } from "./rota.js";
import { openDay, openPost } from "./sheet.js";
import { alarmList, emptyPosts, vacancyList } from "./side.js";
import { ZONE, at, dayOf, later, mondayOf, written } from "./time.js";
import { dayInFocus, focusDay, nowLine, table } from "./week.js";

const root = document.getElementById("roster");
const ROLES = ["grid_worker", "grid_lead", "police", "night_patrol", "property", "owners_committee", "volunteer"];
const ALARMS_EVERY_MS = 15000;
const state = {
  monday: mondayOf(dayOf(Date.now())), cell: "", level: "", q: "", role: "", mayEdit: false, zone: ZONE,
  week: { people: [], posts: [], next: null }, lack: null, found: { alarms: [] }, places: [], calendars: [], posts: [],
};
state.openRota = (person) => openRota(state, person, refreshAt);
let running = null;

start();

async function start() {
  readAddress();
  try {
    const [me, levels] = await Promise.all([api.whoAmI(), api.levels()]);
    state.mayEdit = ["dispatcher", "leader", "admin"].includes(me.role);
    state.mayImport = ["planner", "admin"].includes(me.role);
    const upper = levels.slice(0, -1);
    const lists = await Promise.all(upper.map((one) => api.cells(one.code)));
    state.places = upper.flatMap((one, i) => lists[i].map((cell) => ({ level: one.code, words: one, code: cell.code, name: cell.name })));
    if (!state.cell && !window.location.search) widestUseful();
    [state.calendars, state.posts] = await Promise.all([api.calendars(), api.posts()]);
    frame();
    await refresh();
  } catch (error) {
    root.replaceChildren(h("p", { class: "ro-bad", role: "alert" }, error.message));
  }
  root.removeAttribute("aria-busy");
  setInterval(refreshAlarms, ALARMS_EVERY_MS);
  document.addEventListener("visibilitychange", refreshAlarms);
}

/** A whole county is too much for a first look: the first township is shown. */
function widestUseful() {
  const towns = state.places.filter((one) => one.level === "township");
  if (towns.length > 1) [state.cell, state.level] = [towns[0].code, towns[0].level];
}

function readAddress() {
  const given = new URLSearchParams(window.location.search);
  const day = given.get("week") || "";
  if (/^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day))) state.monday = mondayOf(day);
  for (const name of ["cell", "level", "q", "role"]) state[name] = given.get(name) || "";
}

function writeAddress() {
  const said = new URLSearchParams({ week: state.monday });
  for (const name of ["cell", "level", "q", "role"]) if (state[name]) said.set(name, state[name]);
  window.history.replaceState(null, "", `?${said}`);
}

/** Everything that stays while the weeks go by. */
function frame() {
  const search = h("input", { type: "search", value: state.q, placeholder: say("search"), "aria-label": say("search"), maxlength: "64" });
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.q = search.value.trim(); refresh(); }, 250);
  });
  const where = select([["/", say("wholeTown")], ...state.places.map((one) => [`${one.level}/${one.code}`, `${"　".repeat(one.words.depth || 0)}${one.name || one.code}`])],
    state.cell ? `${state.level}/${state.cell}` : "/", { "aria-label": say("cell"), class: "ro-where" });
  where.addEventListener("change", () => narrow(where.value));
  const role = select([["", say("anyRole")], ...ROLES.map((one) => [one, roleWords(one)])], state.role, { "aria-label": say("role") });
  role.addEventListener("change", () => { state.role = role.value; refresh(); });
  root.replaceChildren(
    h("div", { class: "ro-barline" },
      button("‹", () => move(-7), { title: say("before"), "aria-label": say("before") }),
      button(say("week"), () => { state.monday = mondayOf(dayOf(Date.now())); refresh(); }),
      button("›", () => move(7), { title: say("after"), "aria-label": say("after") }),
      h("h1", { class: "ro-title" }),
      where, role, search,
      state.mayEdit ? null : h("span", { class: "ro-readonly" }, say("readOnly")),
      button(say("takeOut"), () => takeOut(state, { ...query(), q: state.q, role: state.role }), { class: "ro-take-out", title: say("takeOutSays") }),
      state.mayImport ? button(say("bringIn"), () => bringIn(state, refresh), { class: "ro-bring-in", title: say("bringInSays") }) : null,
      legend()),
    h("div", { class: "ro-columns" },
      h("section", { class: "ro-main", "aria-label": say("rota") }),
      h("aside", { class: "ro-side" },
        h("section", { class: "ro-alarms", "aria-live": "polite" }), h("section", { class: "ro-vacancies" }))),
    h("p", { class: "ro-help" }, say("help")),
  );
}

function legend() {
  const kinds = [["rota", "legendRota"], ["shift", "legendShift"], ["standin", "legendStandIn"], ["pin", "legendPost"], ["leave", "legendLeave"], ["empty", "legendEmpty"]];
  return h("span", { class: "ro-legend" }, kinds.map(([kind, key]) => h("span", {}, h("i", { class: `k-${kind}` }), say(key))));
}

function narrow(value) {
  const [level, code] = value.split("/");
  [state.level, state.cell] = [level, code];
  refresh();
}

/** Narrow the week to a cell that a line of the side names, or to the one above it that can be chosen. */
function goTo(cell) {
  const place = state.places.find((one) => one.level === cell.level && one.code === cell.code);
  [state.level, state.cell] = [cell.level, cell.code];
  const where = root.querySelector(".ro-where");
  const value = `${cell.level}/${cell.code}`;
  if (!place && !where.querySelector(`option[value="${CSS.escape(value)}"]`)) where.append(h("option", { value }, cell.name || cell.code));
  where.value = value;
  refresh();
}

function move(days) {
  state.monday = later(state.monday, days);
  refresh();
}

const query = () => ({
  from: written(at(state.monday)), to: written(at(later(state.monday, 7))), cell: state.cell, level: state.cell ? state.level : "",
});

/** Fetch and draw the week; what was asked for before is forgotten. */
async function refresh() {
  if (running) running.abort();
  running = new AbortController();
  const { signal } = running;
  writeAddress();
  root.dataset.ready = "no";
  root.querySelector(".ro-title").textContent = `${state.monday} — ${later(state.monday, 6).slice(5)}`;
  try {
    const people = api.week({ ...query(), q: state.q, role: state.role }, signal);
    const side = Promise.all([api.vacancies(query(), signal), api.alarms({ cell: state.cell, level: query().level }, signal)]);
    state.week = await people;
    state.lack = null;
    draw();
    [state.lack, state.found] = await side;
    draw();
    drawSide();
    root.dataset.ready = "yes";
  } catch (error) {
    if (error.name === "AbortError") return;
    root.querySelector(".ro-main").replaceChildren(h("p", { class: "ro-bad", role: "alert" }, error.reason || error.message));
    root.dataset.ready = "yes";
  }
}

/** After a change: the same week anew, the keyboard on the same day. */
async function refreshAt(code, day) {
  await refresh();
  const chosen = day ? `[data-code="${CSS.escape(code)}"][data-day="${day}"]` : `[data-code="${CSS.escape(code)}"]`;
  const cell = root.querySelector(`.ro-day${chosen}`);
  if (cell) focusDay(root.querySelector(".ro-grid"), cell);
}

async function refreshAlarms() {
  if (document.hidden) return;
  try {
    state.found = await api.alarms({ cell: state.cell, level: query().level });
    drawSide();
  } catch {
    // the next time tries again; the week says so when it is asked for
  }
}

function draw() {
  const main = root.querySelector(".ro-main");
  const kept = dayInFocus();
  const top = main.scrollTop;
  const grid = table(state, (person, day) => openDay(state, person, day, refreshAt), (post, opening) => openPost(state, post, opening, refreshAt));
  const line = nowLine(state);
  if (line) grid.append(line);
  main.replaceChildren(grid);
  if (state.week.next) main.append(button(say("more"), showMore, { class: "ro-more" }));
  main.scrollTop = top;
  if (kept) {
    const cell = grid.querySelector(`.ro-day[data-code="${CSS.escape(kept.code)}"][data-day="${kept.day}"]`);
    if (cell) focusDay(grid, cell);
  }
}

async function showMore() {
  const more = await api.week({ ...query(), q: state.q, role: state.role, after: state.week.next });
  state.week = { ...state.week, people: [...state.week.people, ...more.people], next: more.next };
  draw();
}

function drawSide() {
  const { found, lack } = state;
  const urgent = found.alarms.filter((one) => one.now).length;
  root.querySelector(".ro-alarms").replaceChildren(
    h("h2", {}, say("alarms"), " ", h("span", { class: urgent ? "ro-count hot" : "ro-count" }, String(found.alarms.length))),
    alarmList(found, lack, goTo));
  if (lack) {
    root.querySelector(".ro-vacancies").replaceChildren(
      ...emptyPosts(lack),
      h("h2", {}, say("vacancies"), " ", h("span", { class: lack.count ? "ro-count hot" : "ro-count" }, String(lack.count))),
      ...[vacancyList(lack, goTo)].flat());
  }
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    root.querySelector("input[type=search]").focus();
  } else if (event.key === "PageUp" || event.key === "PageDown") {
    event.preventDefault();
    move(event.key === "PageUp" ? -7 : 7);
  } else if (!typing && state.mayEdit) {
    const form = { n: "shift", l: "leave", s: "swap" }[event.key.toLowerCase()];
    const where = form && dayInFocus();
    const person = where && state.week.people.find((one) => one.code === where.code);
    if (person) {
      event.preventDefault();
      openDay(state, person, where.day, refreshAt, form);
    }
  }
});

document.addEventListener("geo-service:lang", () => {
  if (!root.querySelector(".ro-main")) return;
  frame();
  refresh();
});

