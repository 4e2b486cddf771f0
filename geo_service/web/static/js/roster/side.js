/* Beside the week: what must alarm somebody now, and what the week lacks. */

import { h, roleWords, say, weekdayWords } from "./dom.js";
import { clockOf, dayOf } from "./time.js";

/** Lines of alarms; `goTo(cell)` narrows the week to a cell. Without any it says which posts will be empty today. */
export function alarmList(found, lack, goTo) {
  if (!found.alarms.length) return quietToday(lack);
  return h("ul", {}, found.alarms.map((one) => {
    const where = one.cell ? one.cell.name || one.cell.code : one.post.name;
    const line = h("li", { class: one.now ? "ro-alarm now" : "ro-alarm" },
      h("span", { class: "ro-when" }, one.now ? say("now") : clockOf(one.since)),
      h("span", {}, h("b", {}, where), " ", say(one.kind), one.who ? ` · ${say("away", { who: one.who.name, m: one.distance_m })}` : "",
        h("small", {}, ` ${clockOf(one.since)}—${clockOf(one.until)}`)));
    return one.cell ? leads(line, () => goTo(one.cell)) : line;
  }));
}

function quietToday(lack) {
  const now = Date.now();
  const later = (lack ? lack.posts : []).filter((one) => dayOf(one.start) === dayOf(now) && Date.parse(one.end) > now);
  if (!later.length) return h("p", { class: "ro-good" }, say("noAlarms"));
  return h("div", {}, h("p", { class: "ro-soft" }, say("emptyToday", { n: later.length })), h("ul", {}, later.map((one) => h("li", { class: "ro-alarm" },
    h("span", { class: "ro-when" }, clockOf(one.start)),
    h("span", {}, h("b", {}, one.post.name), " ", say("post_empty"), h("small", {}, ` ${clockOf(one.start)}—${clockOf(one.end)}`))))));
}

/** What cells lack, a cell a line with its spans, the one that lacks most first. */
export function vacancyList(lack, goTo) {
  const byCell = new Map();
  for (const one of lack.vacancies) {
    const key = `${one.cell.level}/${one.cell.code}`;
    if (!byCell.has(key)) byCell.set(key, []);
    byCell.get(key).push(one);
  }
  const weight = (own) => own.filter((one) => one.presence === "on_duty").reduce((sum, one) => sum + Date.parse(one.end) - Date.parse(one.start), 0);
  const groups = [...byCell.values()].sort((a, b) => weight(b) - weight(a));
  const lines = groups.slice(0, 80).map((own) => {
    const line = h("li", { class: "ro-lacks" }, h("b", {}, own[0].cell.name || own[0].cell.code), h("ul", {}, spans(own, lack)));
    return leads(line, () => goTo(own[0].cell));
  });
  const left = lack.left_out + groups.slice(80).reduce((sum, own) => sum + own.length, 0);
  const parts = [lines.length ? h("ul", {}, lines) : h("p", { class: "ro-good" }, say("noVacancies"))];
  if (left) parts.push(h("p", { class: "ro-soft" }, say("leftOut", { n: left })));
  return parts;
}

/** Lines of one cell: the same role and hours on several days are one line. */
function spans(own, lack) {
  const lines = new Map();
  for (const one of own) {
    const whole = one.start === lack.from && one.end === lack.to;
    const words = one.presence === "held" ? say("held") : whole ? say("always") : hours(one);
    const how = one.presence === "on_duty" && one.count > 1 ? ` · ${say("have", one)}` : "";
    const key = `${one.role} ${words}${how}`;
    if (!lines.has(key)) lines.set(key, { role: one.role, words: words + how, days: [], dated: one.presence !== "held" && !whole });
    lines.get(key).days.push(dayOf(one.start));
  }
  const shown = [...lines.values()];
  const items = shown.slice(0, 6).map((one) => h("li", {}, roleWords(one.role), " ", h("small", {}, `${one.dated ? `${onDays(one.days)} ` : ""}${one.words}`)));
  if (shown.length > 6) items.push(h("li", {}, h("small", {}, `+${shown.length - 6}`)));
  return items;
}

/** Hours of a span; one that ends on another day says so. */
function hours(one) {
  const end = clockOf(one.end);
  const days = Math.round((Date.parse(`${dayOf(one.end)}T00:00Z`) - Date.parse(`${dayOf(one.start)}T00:00Z`)) / 86400000);
  if (days > 0 && !(days === 1 && end === "00:00")) return `${clockOf(one.start)}—${weekdayWords(dayOf(one.end))} ${end}`;
  return `${clockOf(one.start)}—${days ? "24:00" : end}`;
}

/** Days of the week, each once, in their order. */
const onDays = (days) => [...new Set(days)].sort().map(weekdayWords).join(" ");

/** Posts that stand empty in the week. */
export function emptyPosts(lack) {
  if (!lack.posts.length) return [];
  const groups = new Map();
  for (const one of lack.posts) {
    const key = `${one.post.code} ${hours(one)}`;
    if (!groups.has(key)) groups.set(key, { name: one.post.name, words: hours(one), days: [] });
    groups.get(key).days.push(dayOf(one.start));
  }
  return [
    h("h2", {}, say("postsEmpty"), " ", h("span", { class: "ro-count hot", title: say("emptyTimes", { n: lack.posts.length }) }, String(groups.size))),
    h("ul", {}, [...groups.values()].slice(0, 40).map((one) => h("li", { class: "ro-lacks" },
      h("b", {}, one.name), h("br"), h("small", {}, `${onDays(one.days)} ${one.words}`)))),
  ];
}

/** A line that leads somewhere: by click, Enter or Space. */
function leads(node, go) {
  node.tabIndex = 0;
  node.classList.add("leads");
  node.addEventListener("click", go);
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    go();
  });
  return node;
}
