/* The report of a plan: fetched once, written as tables in both languages, with two maps. */

import { each, h, moment, number, percent, w } from "./dom.js";
import { maps } from "./maps.js";
import { BOARD, COLUMNS, FIGURES, RULES, SEVERITY, STATUS } from "./words.js";

const root = document.getElementById("preview");
const plan = root.dataset.plan;
const query = passedOn();
start();

/** What of the page's own address belongs to the report's. */
function passedOn() {
  const own = new URLSearchParams(window.location.search);
  const kept = new URLSearchParams();
  for (const name of ["against", "level", "at"]) if (own.has(name)) kept.set(name, own.get(name));
  const text = kept.toString();
  return text ? `?${text}` : "";
}

async function start() {
  root.append(h("p", { class: "pv-soft", role: "status" }, w("正在计算…", "Counting…")));
  try {
    const [report, map] = await Promise.all([get("preview"), get("preview/map")]);
    root.replaceChildren(...page(report, map));
  } catch (error) {
    root.replaceChildren(h("p", { class: "bad", role: "alert" }, error.message));
  }
  root.removeAttribute("aria-busy");
}

async function get(part) {
  const answer = await fetch(`/v1/plans/${encodeURIComponent(plan)}/${part}${query}`, { credentials: "same-origin", headers: { accept: "application/json" } });
  const content = await answer.json();
  if (!answer.ok) throw new Error(refusal(content));
  return content;
}

/** What a problem says, in the language that is read. */
function refusal({ errors = [], detail, detail_zh: detailZh, title }) {
  const [fault] = errors;
  const chinese = document.documentElement.dataset.lang === "en" ? null : fault ? fault.message_zh : detailZh;
  return chinese || fault?.message || detail || title;
}

function page(report, map) {
  return [
    head(report),
    h("section", { class: "pv-maps" }, maps(map)),
    section("总体", "Overall", sums(report)),
    section("各层级", "Levels", levels(report)),
    section("有变化的网格", "Changed cells", cells(report)),
    section("减负与增负最多的网格", "Relieved and burdened most", foremost(report)),
    section("易手", "What changes hands", hands(report)),
    section("沿革", "Where land and people go", flows(report)),
    section("规则检查", "Rules", rules(report)),
  ];
}

function head(report) {
  const other = report.against.kind === "plan" ? [report.against.name] : w(`第 ${report.against.id} 版边界`, `edition ${report.against.id}`);
  const facts = [[w("调整前", "Before"), each("：", ": "), other], [w("修订", "revision"), ` ${report.revision}`], [moment(new Date(report.at))], [w("电动自行车 5 分钟", "5 min by e-bike")]];
  return h(
    "header",
    { class: "pv-head" },
    h("div", {}, h("h1", {}, report.plan.name), h("p", { class: "pv-soft" }, facts.map((words, at) => [at ? " · " : null, ...words].flat(2)))),
    h("nav", { class: "pv-actions" }, opponent(report), chooser(report), h("a", { href: `/planner/${plan}`, class: "pv-button" }, w("返回编制", "Back")), h("a", { href: `/v1/plans/${plan}/preview.pdf${query}`, class: "pv-button", target: "_blank", rel: "noopener" }, "PDF"), h("button", { type: "button", class: "pv-button", on: { click: () => window.print() } }, w("打印", "Print"))),
  );
}

/** Show the report with another value in its address. */
function turnTo(name, value) {
  const address = new URL(window.location.href);
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  window.location.assign(address);
}

/** What the plan is compared with: its edition, or another plan. */
function opponent(report) {
  const english = document.documentElement.dataset.lang === "en";
  const own = report.against.kind === "plan" ? String(report.against.id) : "";
  const option = (value, words) => h("option", { value, selected: value === own }, words);
  const select = h("select", { class: "pv-button pv-against", on: { change: ({ target }) => turnTo("against", target.value) } }, option("", english ? "its edition" : "所依据的版本"), own ? option(own, report.against.name) : null);
  const list = async () => {
    const answer = await fetch("/v1/plans", { credentials: "same-origin", headers: { accept: "application/json" } });
    if (!answer.ok) return;
    const { plans } = await answer.json();
    const others = plans.filter(({ id, status }) => String(id) !== plan && String(id) !== own && status !== "dropped");
    select.append(...others.map(({ id, name }) => option(String(id), `${name} (${id})`)));
  };
  list().catch(() => null); // the edition is there all the same
  return h("label", { class: "pv-opponent" }, w("比较", "Against"), " ", select);
}

/** Which level is shown cell by cell, here and on the maps. */
function chooser(report) {
  const choose = ({ target }) => turnTo("level", target.value);
  const english = document.documentElement.dataset.lang === "en";
  const options = report.levels.map((one) => h("option", { value: one.level, selected: one.level === report.level }, english ? one.name_en : one.name_zh));
  return h("label", { class: "pv-level" }, w("层级", "Level"), " ", h("select", { class: "pv-button", on: { change: choose } }, options));
}

function section(zh, en, content) {
  return h("section", {}, h("h2", {}, w(zh, en)), content);
}

const none = () => h("p", { class: "pv-soft" }, w("无", "None"));

function table(heads, rows, kind = "") {
  return h("div", { class: "pv-scroll" }, h("table", { class: `pv-table ${kind}` }, h("thead", {}, h("tr", {}, heads.map((words) => h("th", { scope: "col" }, w(...words))))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
}

function sums({ before, after }) {
  const rows = FIGURES.map(([name, zh, en, write, better]) => {
    const step = Number.isFinite(before[name]) && Number.isFinite(after[name]) ? after[name] - before[name] : null;
    return [w(zh, en), write(before[name]), write(after[name]), step ? stepped(step, write, better) : "—"];
  });
  return table([["指标", "Figure"], ["调整前", "before"], ["调整后", "after"], ["变化", "step"]], rows, "pv-numbers");
}

function stepped(step, write, better = 0) {
  if (write(Math.abs(step)) === write(0)) return "—"; // too little to be written
  const kind = better === 0 ? "" : Math.sign(step) === better ? "pv-good" : "pv-worse";
  return h("b", { class: kind }, `${step > 0 ? "+" : "−"}${write(Math.abs(step))}`);
}

function levels(report) {
  const rows = report.levels.map((one) => [
    w(one.name_zh, one.name_en),
    `${number(one.before.cells)} → ${number(one.after.cells)}`,
    ...["new", "retired", "reshaped", "reparented"].map((word) => number(one[word])),
    `${number(one.before.workload_gini, 3)} → ${number(one.after.workload_gini, 3)}`,
  ]);
  return table([["层级", "Level"], ["数量", "Cells"], ["新设", "new"], ["撤销", "retired"], ["改形", "reshaped"], ["改隶", "moved"], ["工作量基尼系数", "Gini"]], rows, "pv-numbers");
}

function cells(report) {
  if (!report.cells.length) return none();
  const rows = report.cells.map((one) => [
    [one.name, h("small", { class: "pv-code" }, one.cell[1])],
    h("span", { class: `pv-status pv-${one.status}` }, w(...STATUS[one.status])),
    ...COLUMNS.map(([name, , , write]) => pair(one, name, write)),
  ]);
  return table([["网格", "Cell"], ["变化", "Change"], ...COLUMNS.map(([, zh, en]) => [zh, en])], rows, "pv-numbers pv-wide");
}

function pair(one, name, write) {
  if (!one.before || !one.after) return one.after ? write(one.after[name]) : h("s", { class: "pv-gone" }, write(one.before[name]));
  const [before, after] = [one.before, one.after].map((side) => write(side[name]));
  return before === after ? after : [h("span", { class: "pv-was" }, before), h("span", {}, after)];
}

function foremost({ relieved, burdened }) {
  if (!relieved.length && !burdened.length) return none();
  const rows = [...relieved, ...burdened].map((one) => [[one.name, h("small", { class: "pv-code" }, one.cell[1])], number(one.before, 2), number(one.after, 2), stepped(one.step, (value) => number(value, 2), -1)]);
  return table([["网格", "Cell"], ["工作量 前", "before"], ["后", "after"], ["变化", "step"]], rows, "pv-numbers");
}

function hands(report) {
  const { by_level: byLevel, responders, open_incident_days: days } = report.hands;
  const names = Object.fromEntries(report.levels.map((one) => [one.level, w(one.name_zh, one.name_en)]));
  const columns = ["households", "residents", "buildings", "incidents_year", "incidents_open"];
  const rows = Object.entries(byLevel).map(([level, counts]) => [names[level] || level, ...columns.map((name) => number(counts[name]))]);
  const made = [table([["层级", "Level"], ["户数", "Households"], ["人口", "Residents"], ["楼栋", "Buildings"], ["一年事件", "Incidents a year"], [`近 ${days} 天事件`, `of the last ${days} days`]], rows, "pv-numbers")];
  if (responders.length) {
    const people = responders.map((one) => [`${one.name} ${one.code}`, one.cell[1], w(...STATUS[one.change]), one.heir ? one.heir[1] : "—"]);
    made.push(table([["责任人", "Responder"], ["责任网格", "Cell"], ["变化", "Change"], ["接收网格", "Heir"]], people));
  }
  return [...made, ...signBoards(report.hands.sign_boards)];
}

/** The boards in the streets that would no longer tell the truth. */
function signBoards({ print_again: printed, change_hands: moved, boards }) {
  const words = w(`公示牌：${number(printed)} 块须重印，${number(moved)} 块易手`, `Sign boards: ${number(printed)} to print again, ${number(moved)} change hands`);
  const made = [h("p", { class: "pv-soft" }, words)];
  if (!boards.length) return made;
  const rows = boards.map((one) => [
    [one.printed_name, h("small", { class: "pv-code" }, one.code)],
    one.cell[1],
    one.reasons.flatMap((reason, at) => [...(at ? ["、"] : []), ...w(...(BOARD[reason] || [reason]))]),
    one.changes_hands ? [one.from ? one.from[1] : "—", " → ", one.to ? one.to[1] : "—"] : "—",
  ]);
  made.push(table([["公示牌", "Sign board"], ["网格", "Cell"], ["原因", "Why"], ["牌位所在网格", "Stands in"]], rows));
  return made;
}

function flows(report) {
  const rows = report.flows.filter((one) => one.level === report.level).map((one) => [one.from || w("无主地", "nobody"), one.to || w("无主地", "nobody"), `${number(one.land_m2 / 1e4, 2)} ha · ${percent(one.share_land)}`, `${number(one.households)} · ${percent(one.share_households)}`, `${number(one.incidents_year)} · ${percent(one.share_incidents)}`]);
  if (!rows.length) return none();
  return table([["从", "From"], ["到", "To"], ["面积", "Land"], ["户数", "Households"], ["事件", "Incidents"]], rows, "pv-numbers pv-two");
}

function rules({ rules: said }) {
  const key = (one) => `${one.rule}|${one.severity}`;
  const sides = [["before", "调整前", "before"], ["after", "调整后", "after"], ["new", "新增", "new"], ["solved", "消除", "solved"], ["as_before", "未变", "as before"]];
  const names = [...new Set(sides.flatMap(([side]) => said[side].by_rule.map(key)))].sort();
  if (!names.length) return h("p", { class: "pv-soft" }, w("调整前后均无发现", "Nothing found, before or after"));
  const count = (side, name) => said[side].by_rule.find((one) => key(one) === name)?.count || 0;
  const rows = names.map((name) => {
    const [rule, severity] = name.split("|");
    return [w(...(RULES[rule] || [rule])), w(...(SEVERITY[severity] || [severity])), ...sides.map(([side]) => number(count(side, name)))];
  });
  return [
    table([["规则", "Rule"], ["程度", "Severity"], ...sides.map(([, zh, en]) => [zh, en])], rows, "pv-numbers pv-two"),
    h("p", { class: "pv-soft" }, w("按全部网格统计；以下为有变化的网格及其上级。", "Counted over all cells; listed are those that change, and those above them.")),
    h("ul", { class: "pv-findings" }, said.after.findings.map((one) => h("li", { class: `pv-${one.severity}` }, one.is_new ? h("b", { class: "pv-worse" }, w("新增", "new"), " ") : null, h("span", { lang: "zh-CN" }, one.message_zh || one.message), h("span", { class: "pv-english", lang: "en" }, one.message)))),
  ];
}
