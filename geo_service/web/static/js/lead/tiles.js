/* The tiles: a number, how it stands against what was before or is usual, what it means, and a small chart. */

import { fill, h, setText } from "../kit/dom.js";
import { either, onLanguage, say, sayCode } from "../kit/i18n.js";
import { Chart, hourBars, sparkline } from "./charts.js";
import { hourWords } from "./week.js";

const GS = window.GeoService;
const percent = (value) => (value === null || value === undefined ? "—" : GS.number(value, true, Math.abs(value) >= 0.9995 || Math.abs(value) < 0.0005 ? 0 : 1));
const whole = (value) => GS.number(value, false, 0);

class Tile {
  /** `reading` is what the map shows when the tile is pressed. */
  constructor(name, { reading, build, board }) {
    this.name = name;
    this.number = h("strong", { class: "ld-number" });
    this.trend = h("span", { class: "ld-trend" });
    this.meaning = h("p", { class: "ld-meaning" });
    this.chart = build ? new Chart("ld-tile-chart", build, `tile_${name}`) : null;
    this.element = h(
      "button",
      { type: "button", class: "ld-tile", data: { tile: name }, on: { click: () => board.go({ reading, hour: null }) } },
      h("span", { class: "ld-tile-name", t: `tile_${name}` }),
      h("span", { class: "ld-tile-figures" }, this.number, this.trend),
      this.chart?.element,
      this.meaning,
    );
  }

  /** `state` is good, warn, bad or plain; `exact` the number as the server gave it. */
  show({ number, exact, trend = null, meaning, state = "plain", chart = null }) {
    setText(this.number, number);
    this.element.dataset.value = exact === null || exact === undefined ? "" : String(exact);
    this.element.dataset.state = state;
    fill(this.trend, trend);
    setText(this.meaning, meaning);
    if (this.chart && chart) this.chart.show(chart);
  }
}

/** An arrow with a difference; whether more is better decides its colour, words say it as well. */
function trend(difference, { better, words, show = whole, least = 0 }) {
  if (difference === null || difference === undefined || !Number.isFinite(difference)) return null;
  const way = Math.abs(difference) <= least ? 0 : Math.sign(difference);
  const kind = way === 0 ? "same" : way * better > 0 ? "better" : way * better < 0 ? "worse" : "plain";
  const text = way === 0 ? say("same") : show(Math.abs(difference));
  return h("span", { class: `ld-change ${kind}` }, h("i", { "aria-hidden": "true" }, way > 0 ? "▲" : way < 0 ? "▼" : "＝"), ` ${text} `, h("small", {}, words));
}

const points = (value) => `${GS.number(value * 100, false, 1)} ${say("points")}`;

export class Tiles {
  constructor(board) {
    this.board = board;
    this.tiles = {
      coverage: new Tile("coverage", { reading: "coverage", build: sparkline, board }),
      incidents: new Tile("incidents", { reading: "incidents", build: hourBars, board }),
      overdue: new Tile("overdue", { reading: "overdue", board }),
      clocks: new Tile("clocks", { reading: "overdue", board }),
      vacancies: new Tile("vacancies", { reading: "staffing", build: sparkline, board }),
      patrol: new Tile("patrol", { reading: "patrol", build: sparkline, board }),
    };
    this.stack = h("span", { class: "ld-stack", role: "img" });
    this.tiles.overdue.element.append(this.stack);
    this.threeClocks = h("span", { class: "ld-three" });
    this.tiles.clocks.element.append(this.threeClocks);
    this.element = h("section", { class: "ld-tiles", tLabel: "tiles" }, Object.values(this.tiles).map((one) => one.element));
    board.on("summary", (summary) => this.show(summary));
    board.on("view", ({ moved }) => moved && this.element.classList.add("waiting"));
    onLanguage(() => board.summary && this.show(board.summary));
  }

  show(summary) {
    this.element.classList.remove("waiting");
    this.showCoverage(summary);
    this.showIncidents(summary);
    this.showOverdue(summary);
    this.showClocks(summary);
    this.showVacancies(summary);
    this.showPatrol(summary);
  }

  showCoverage({ coverage, coverage_problem: problem }) {
    if (!coverage || coverage.share === null) {
      this.tiles.coverage.show({ number: "—", meaning: coverage ? say("nobodyLives") : problem || say("noCoverage") });
      return;
    }
    const { share, worst, hour_before: before, unreached } = coverage;
    const always = coverage.hours.every((one) => one === worst.share) ? "Always" : "";
    this.tiles.coverage.show({
      number: percent(share),
      exact: share,
      trend: trend(before === null ? null : share - before, { better: 1, words: say("thanHourAgo"), show: points, least: 0.0005 }),
      meaning: say(`${unreached >= 1 ? "meansUnreached" : "meansAllReached"}${always}`, { unreached: whole(unreached), worst: hourWords(worst.hour), share: percent(worst.share), mode: say(`mode_${coverage.mode}`) }),
      state: share >= 0.95 ? "good" : share >= 0.8 ? "warn" : "bad",
      chart: { values: coverage.hours, low: Math.max(0, (worst.share ?? 0) - 0.06), high: 1.01, color: "--curve", mark: worst.hour },
    });
  }

  showIncidents({ incidents, at }) {
    const { today, usual_by_now: usual } = incidents;
    this.tiles.incidents.show({
      number: whole(today),
      exact: today,
      trend: trend(today - usual, { better: 0, words: say("thanUsual"), show: (value) => GS.number(value, false, 1), least: 0.5 }),
      meaning: say("meansIncidents", { usual: GS.number(usual, false, 1), day: GS.number(incidents.usual_day, false, 1) }),
      state: usual > 4 && today > usual * 1.5 ? "warn" : "plain",
      chart: { bars: incidents.by_hour, usual: incidents.usual_by_hour, now: Number(at.slice(11, 13)) },
    });
  }

  showOverdue({ queue }) {
    this.tiles.overdue.show({
      number: whole(queue.overdue),
      exact: queue.overdue,
      trend: h("span", { class: "ld-change plain" }, h("small", {}, say("ofOpen", { open: whole(queue.open) }))),
      meaning: say(queue.overdue ? "meansOverdue" : "meansNoneOverdue", { soon: whole(queue.soon), overdue: whole(queue.overdue) }),
      state: queue.overdue ? "bad" : "good",
    });
    const parts = { overdue: queue.overdue, soon: queue.soon, fine: Math.max(0, queue.open - queue.overdue - queue.soon) };
    this.stack.setAttribute("aria-label", say("stack", parts));
    fill(this.stack, Object.entries(parts).filter(([, count]) => count).map(([name, count]) => h("i", { class: name, style: `flex-grow:${count}` }, h("b", {}, whole(count)), h("small", {}, say(`${name}Word`)))));
  }

  showClocks({ clocks: { now, before, days } }) {
    const { share } = now.arrive;
    this.tiles.clocks.show({
      number: percent(share),
      exact: share,
      trend: trend(share === null || before.arrive.share === null ? null : share - before.arrive.share, { better: 1, words: say("thanDaysBefore", { days }), show: points, least: 0.0005 }),
      meaning: now.arrive.decided ? say("meansClocks", { within: whole(now.arrive.within), decided: whole(now.arrive.decided), days }) : say("meansNoClocks", { days }),
      state: share === null ? "plain" : share >= 0.9 ? "good" : share >= 0.75 ? "warn" : "bad",
    });
    fill(this.threeClocks, ["arrive", "handle", "close"].map((phase) => h("span", { data: { phase } }, h("small", {}, say(`clock_${phase}`)), h("b", {}, percent(now[phase].share)))));
  }

  showVacancies({ vacancies: found, staff }) {
    this.tiles.vacancies.show({
      number: whole(found.now),
      exact: found.now,
      trend: h("span", { class: "ld-change plain" }, h("small", {}, say("onDuty", { count: whole(staff.on_duty) }))),
      meaning: say(found.person_hours ? "meansVacancies" : found.posts_empty ? "meansOnlyPosts" : "meansNoVacancies", { worst: whole(found.worst), hours: whole(found.person_hours), posts: whole(found.posts_empty) }),
      state: found.now ? "bad" : found.person_hours || found.posts_empty ? "warn" : "good",
      chart: { values: found.by_hour, low: 0, high: Math.max(2, found.worst * 1.15) },
    });
  }

  showPatrol({ patrol, staff }) {
    const { share, before } = patrol;
    this.tiles.patrol.show({
      number: percent(share),
      exact: share,
      trend: trend(share === null || before === null ? null : share - before, { better: 1, words: say("thanDaysBefore", { days: 7 }), show: points, least: 0.0005 }),
      meaning: patrol.days ? say("meansPatrol", { times: whole(patrol.person_times), hours: whole(patrol.hours), days: patrol.days }) : say("meansNoPatrol", { roles: Object.entries(staff.by_role).map(([role, count]) => `${sayCode("role", role)} ${count}`).join(either("、", ", ")) || "—" }),
      state: "plain",
      chart: { values: patrol.by_day.map((one) => one.share), low: 0, high: Math.max(0.02, ...patrol.by_day.map((one) => (one.share ?? 0) * 1.15)) },
    });
  }
}
