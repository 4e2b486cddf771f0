/* The street's page: ask by text, by place or by the code on a board; show the one grid that is answered. */

import { addWords, either, onLanguage, say } from "../kit/i18n.js";
import { fill, h } from "../kit/dom.js";
import { post } from "../kit/http.js";
import { draw } from "./map.js";
import { WORDS } from "./words.js";

addWords(WORDS);

const VAGUE_M = 150;

class WhoPage {
  constructor(root) {
    this.root = root;
    this.text = h("input", { type: "search", name: "text", autocomplete: "street-address", enterkeyhint: "search", maxLength: 60, tTitle: "where", tHolder: "hint" });
    this.form = h(
      "form",
      { class: "who-ask", on: { submit: (event) => this.submit(event) } },
      h("label", {}, h("span", { t: "where" }), this.text),
      h("div", { class: "who-buttons" }, h("button", { type: "submit", class: "primary", t: "ask" }), h("button", { type: "button", t: "locate", on: { click: () => this.locate() } })),
    );
    this.said = h("p", { class: "who-said", role: "status", "aria-live": "polite", hidden: true });
    this.body = h("div", { class: "who-body" });
    root.append(this.form, this.said, this.body);
    onLanguage(() => this.show());
  }

  start() {
    const asked = new URLSearchParams(window.location.search);
    if (asked.get("cell")) this.ask({ cell: asked.get("cell"), ...(asked.get("level") ? { level: asked.get("level") } : {}) });
    this.root.dataset.ready = "yes";
  }

  submit(event) {
    event.preventDefault();
    const text = this.text.value.trim();
    if (text) this.ask({ text });
    else this.text.focus();
  }

  locate() {
    if (!navigator.geolocation || !window.isSecureContext) {
      this.tell("noLocating");
      return;
    }
    this.tell("locating");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const question = { lon: coords.longitude, lat: coords.latitude, accuracy_m: Math.min(coords.accuracy, 100000) };
        this.ask(question, coords.accuracy > VAGUE_M ? ["tooVague", { m: Math.round(coords.accuracy) }] : null);
      },
      (error) => this.tell(error.code === error.PERMISSION_DENIED ? "denied" : "unknownPlace", {}, true),
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 30000 },
    );
  }

  async ask(question, note = null) {
    this.tell("asking");
    this.answer = null;
    this.show();
    try {
      this.answer = await post("/v1/who", question);
      this.note = note;
      this.quiet();
    } catch (error) {
      this.refused = error;
      this.said.hidden = false;
      this.said.className = "who-said bad";
      this.said.textContent = error.reason || error.message;
    }
    this.show();
  }

  tell(name, values = {}, bad = false) {
    this.said.hidden = false;
    this.said.className = bad || name === "noLocating" ? "who-said bad" : "who-said";
    this.said.textContent = say(name, values);
  }

  quiet() {
    this.said.hidden = true;
  }

  show() {
    const answer = this.answer;
    if (!answer) fill(this.body);
    else if (answer.several) fill(this.body, this.choices(answer.choices));
    else fill(this.body, this.cell(answer), this.people(answer), this.report(answer), this.map(answer));
  }

  choices(list) {
    const choose = (text) => {
      this.text.value = text;
      this.ask({ text });
    };
    return h("section", { class: "who-card" }, h("p", {}, say(list.length ? "choose" : "several")), h("ul", { class: "who-choices" }, list.map((text) => h("li", {}, h("button", { type: "button", on: { click: () => choose(text) } }, text)))));
  }

  cell(answer) {
    const last = answer.cells.at(-1);
    const notes = [this.note ? say(...this.note) : "", answer.beside ? say("nearBorder", { name: answer.beside }) : ""].filter(Boolean);
    return h(
      "section",
      { class: "who-card who-cell" },
      h("p", { class: "who-path" }, answer.cells.slice(0, -1).map((one) => h("span", {}, one.name))),
      h("h2", {}, last.name),
      h("p", { class: "who-soft" }, `${either(last.level_zh, last.level_en)} · ${say("code")} ${last.code}`),
      notes.map((text) => h("p", { class: "who-note" }, text)),
    );
  }

  people(answer) {
    const rows = answer.people.map((one) => h("li", {}, h("div", {}, h("small", {}, `${one.cell} · ${either(one.role_zh, one.role_en)}`), h("b", {}, one.name)), this.number(one.phone)));
    const none = h("p", { class: "who-soft" }, say(answer.people_withheld ? "withheld" : "noPeople"));
    return h("section", { class: "who-card" }, h("h2", {}, say("people")), rows.length ? h("ul", { class: "who-people" }, rows) : none);
  }

  report(answer) {
    const lines = answer.report.map((one) => [either(one.zh, one.en), one.phone]);
    if (answer.office_phone) lines.unshift([answer.office || say("office"), answer.office_phone]);
    return h("section", { class: "who-card" }, h("h2", {}, say("report")), h("ul", { class: "who-report" }, lines.map(([what, phone]) => h("li", {}, h("span", {}, what), this.number(phone)))));
  }

  number(phone) {
    if (!phone) return null;
    return h("a", { class: "who-number", href: `tel:${phone.replace(/[^+\d]/g, "")}`, "aria-label": say("call", { phone }) }, phone);
  }

  map(answer) {
    if (!answer.map) return null; // of a township, say: its border is on the maps
    return h("section", { class: "who-card who-map-card" }, h("h2", {}, say("map")), draw(answer.map, `${say("map")} ${answer.cells.at(-1).name}`));
  }
}

new WhoPage(document.getElementById("who")).start();
