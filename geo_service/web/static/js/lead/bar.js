/* Above the map: where we are, what is shown, the line, the look, export, comparison, big screen. */

import { button, fill, h, setText } from "../kit/dom.js";
import { clockTime, serverNow } from "../kit/clock.js";
import { either, lang, onLanguage, say } from "../kit/i18n.js";
import { READINGS } from "./board.js";
import { hourWords } from "./week.js";

const GS = window.GeoService;

export class Bar {
  /** `acts`: oneMore, export, compare, kiosk; `look(look)` paints the map by day or night. */
  constructor(board, { acts, look }) {
    this.board = board;
    this.look = look;
    this.crumbs = h("nav", { class: "ld-crumbs", tLabel: "path" });
    this.levels = h("select", { tTitle: "levelShown", on: { change: () => board.go({ level: this.levels.value }) } });
    this.readings = h("div", { class: "ld-readings", role: "group" }, READINGS.map((name) => h("button", { type: "button", t: `reading_${name}`, data: { reading: name }, on: { click: () => board.go({ reading: name }) } })));
    this.heading = h("h1", { class: "ld-heading" });
    this.line = h("span", { class: "ld-line-state", role: "status" });
    this.time = h("time", { class: "ld-now" });
    this.night = h("button", { type: "button", class: "quiet", on: { click: () => this.setNight(!this.isNight) } });
    this.element = h(
      "div",
      { class: "ld-bar" },
      this.crumbs,
      this.readings,
      h("label", { class: "ld-level" }, h("span", { t: "levelShown" }), this.levels),
      h("span", { class: "ld-push" }),
      this.heading,
      h("span", { class: "ld-push" }),
      this.line,
      h("span", { class: "ld-acts" }, board.ground.isWhole ? button("oneMore", () => acts.oneMore(), { class: "ld-one-more" }) : null, button("compare", () => acts.compare(), { class: "quiet" }), button("export", () => acts.export(), { class: "quiet" }), button("fullScreen", () => acts.kiosk(), { class: "quiet" }), this.night),
      this.time,
    );
    board.on("view", () => this.show());
    board.on("summary", () => this.show());
    board.on("hour", () => this.show());
    board.on("coloured", () => this.showHeading());
    board.on("tick", () => this.tick());
    board.on("line", () => this.tick());
    onLanguage(() => (this.show(), this.setNight(this.isNight)));
  }

  setNight(isNight, { keep = true } = {}) {
    this.isNight = isNight;
    document.documentElement.dataset.night = isNight ? "yes" : "no";
    if (keep) GS.remember("lead.night", isNight ? "yes" : "no");
    this.look(isNight ? "night" : "day");
    setText(this.night, say(isNight ? "dayMode" : "nightMode"));
    this.night.setAttribute("aria-pressed", String(isNight));
  }

  show() {
    const { board } = this;
    const { view } = board;
    const path = board.path().filter((one) => board.levels[0].cells > 1 || one.level !== board.levels[0].code || board.ground.cell.code === one.code);
    const top = board.ground.cell.name || say("whole");
    const trail = board.path();
    fill(
      this.crumbs,
      h("button", { type: "button", class: view.cell ? null : "here", on: { click: () => board.climb(-1) } }, top),
      path.filter((one) => one.code !== board.ground.cell.code && !(one.level === board.levels[0].code && board.levels[0].cells === 1)).map((one) => [h("i", { "aria-hidden": "true" }, "›"), h("button", { type: "button", class: one.code === view.cell?.code && one.level === view.cell?.level ? "here" : null, on: { click: () => board.climb(trail.indexOf(one)) } }, one.name || one.code)]),
    );
    this.crumbs.querySelector(".here")?.setAttribute("aria-current", "location");
    const key = JSON.stringify([lang(), view.level, view.cell?.code]);
    if (key !== this.levelsShown) {
      this.levelsShown = key;
      fill(this.levels, board.levelsInside().map((one) => h("option", { value: one.code, selected: one.code === view.level }, either(one.zh, one.en))));
    }
    for (const one of this.readings.children) one.setAttribute("aria-pressed", String(one.dataset.reading === view.reading));
    this.tick();
  }

  /** What is shown, in large letters: on a screen without controls nothing else says it. */
  showHeading() {
    const { cells, view, shown } = this.board;
    const level = this.board.nameOf(view.level);
    if (cells) setText(this.heading, `${either(cells.title.zh, cells.title.en)} · ${either(level.zh, level.en)}${shown ? ` · ${hourWords(shown.hour, shown.minute)}` : ""}`);
  }

  tick() {
    const { stream, ground, summary } = this.board;
    setText(this.time, clockTime(serverNow(), ground.zone, { seconds: true }));
    const seconds = Math.round((Date.now() - stream.downSince) / 1000);
    const isDown = !stream.isUp && seconds >= 2;
    setText(this.line, isDown ? say("lineDown", { seconds, at: clockTime(serverNow() - 1000 * seconds, ground.zone, { seconds: true }) }) : summary ? `${say("lineUp")} · ${say("asOf", { at: clockTime(summary.at, ground.zone) })}` : say("lineUp"));
    this.line.classList.toggle("down", isDown);
    document.querySelector(".ld")?.classList.toggle("is-down", isDown);
  }
}
