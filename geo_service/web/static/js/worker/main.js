/* The worker's page: his tasks, his cell, a report; all of it also on a bad line. */

import { addWords, either, onLanguage, say, sayCode } from "../kit/i18n.js";
import { clockTime, learn, serverNow, span } from "../kit/clock.js";
import { button, dialog, field, fill, h, select } from "../kit/dom.js";
import { get, newKey } from "../kit/http.js";
import { Outbox } from "./outbox.js";
import { preview, smaller } from "./photo.js";
import { Position, towards } from "./position.js";
import { sketch } from "./sketch.js";
import { codeOf, Week } from "./week.js";
import { WORDS } from "./words.js";

addWords(WORDS);

const LOOK_MS = 8000;
const ZONE = document.getElementById("worker").dataset.zone; // the town's, wherever the phone says it is
const STEPS = { accept: "accepted", arrive: "arrived", done: "done", decline: "declined" };
const recall = (name) => JSON.parse(window.GeoService.recall(`worker.${name}`) || "null");
const remember = (name, value) => window.GeoService.remember(`worker.${name}`, JSON.stringify(value));

class WorkerPage {
  constructor(root) {
    this.root = root;
    this.view = "tasks";
    this.isOnline = true;
    this.top = h("header", { class: "wk-top" });
    this.box = h("div", { class: "wk-box", role: "status", "aria-live": "polite" });
    this.body = h("div", { class: "wk-body" });
    this.tabs = h("nav", { class: "wk-tabs" }, ["tasks", "week", "cell", "report"].map((name) => h("button", { type: "button", data: { view: name }, on: { click: () => this.go(name) } }, h("span", { t: name }), h("b", { hidden: true }))));
    fill(root, this.top, this.box, this.body, this.tabs);
    this.position = new Position(() => this.show());
    onLanguage(() => this.show(true));
  }

  async start() {
    const me = await this.whoAmI();
    this.work = recall(`work.${me}`);
    this.me = me;
    this.categories = recall("categories") || [];
    this.outbox = new Outbox(me, {
      changed: () => this.show(),
      sent: (item, answer) => (this.look(), this.week.taken(item, answer)),
    });
    this.week = new Week({ me, outbox: this.outbox, position: this.position, zone: ZONE, recall, remember, changed: () => this.show() });
    await this.outbox.begin();
    this.show(true);
    this.look();
    this.readCategories();
    setInterval(() => !document.hidden && this.look(), LOOK_MS);
    setInterval(() => this.tick(), 1000);
    document.addEventListener("visibilitychange", () => !document.hidden && this.look());
    window.addEventListener("online", () => this.look());
    if ("serviceWorker" in navigator) navigator.serviceWorker.register("/worker-sw.js", { scope: "/worker" }).catch((error) => console.warn("not kept for dead lines:", error.message));
    window.addEventListener("hashchange", () => this.openSign());
    this.openSign();
    this.root.dataset.ready = "yes";
  }

  /** A phone's camera that reads the sign of a place opens this page with its code. */
  openSign() {
    const code = codeOf(window.location.hash);
    if (!code) return;
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
    this.go("week");
    this.week.register(code, "scanned");
  }

  /** Who is signed in; without a line, who was last. */
  async whoAmI() {
    try {
      const { name = "" } = await get("/session", { patience: 6000 });
      remember("me", name);
      return name;
    } catch {
      this.isOnline = false;
      return recall("me") || "";
    }
  }

  async readCategories() {
    try {
      this.categories = (await get("/v1/categories")).categories;
      remember("categories", this.categories);
    } catch {
      // those of last time do
    }
  }

  async look() {
    const sent = Date.now();
    try {
      const work = await get("/v1/own-work", { patience: 10000 });
      learn(work.now, sent);
      this.work = work;
      this.outbox.isRead(sent);
      this.problem = null;
      this.isOnline = true;
      remember(`work.${this.me}`, work);
      this.position.setDuty(work.on_duty);
      this.week.read();
      if (this.outbox.waiting.length && this.outbox.nextAt) this.outbox.send();
    } catch (error) {
      this.isOnline = !error.isPassing;
      this.problem = error.isPassing ? null : error;
    }
    this.show();
  }

  go(view) {
    this.view = view;
    this.show(true);
    this.body.scrollTop = 0;
  }

  /** Show everything; the form of a report stays as it is while it is written. */
  show(anew = false) {
    if (!this.week) return;
    this.showTop();
    this.showBox();
    const tasks = this.tasks();
    const counts = { tasks: tasks.length, week: this.week.left };
    for (const tab of this.tabs.children) {
      tab.setAttribute("aria-current", tab.dataset.view === this.view ? "page" : "false");
      const count = tab.querySelector("b");
      count.hidden = !counts[tab.dataset.view];
      count.textContent = String(counts[tab.dataset.view] || 0);
    }
    if (this.view === "tasks") this.showTasks(tasks);
    else if (this.view === "week") fill(this.body, this.week.view());
    else if (this.view === "cell") fill(this.body, this.cellView());
    else if (anew) fill(this.body, this.reportView());
    this.tick();
  }

  showTop() {
    const { work } = this;
    const post = work?.post;
    fill(
      this.top,
      h("div", { class: "wk-me" }, h("b", {}, work?.responder.name || this.me), h("span", { class: work?.on_duty ? "wk-duty on" : "wk-duty" }, work ? (work.on_duty ? say("onDuty", { until: clockTime(work.until, ZONE) }) : say("offDuty")) : "")),
      h("span", { class: this.isOnline ? "wk-line" : "wk-line down" }, say(this.isOnline ? "online" : "offline")),
      post && h("p", { class: "wk-post" }, post.until ? say("boundTo", { name: post.name, until: clockTime(post.until, ZONE) }) : say("boundNext", { name: post.name, from: clockTime(post.from, ZONE) })),
      this.positionLine(),
    );
  }

  positionLine() {
    const { position, work } = this;
    if (!work) return null;
    const words = position.problem
      ? either(...(WORDS[`positionProblem_${position.problem}`] || [position.problem, position.problem]))
      : !position.isOn ? say("positionOff") : position.last ? say("positionOn", { metres: Math.round(position.last.accuracy_m) }) : say("positionSearching");
    return h("div", { class: "wk-position" }, h("span", {}, words), work.on_duty && button(position.isOn ? "positionStop" : "positionStart", () => (position.isOn ? position.stop() : position.start())), !work.on_duty && h("small", { t: "positionWhy" }));
  }

  showBox() {
    const { outbox } = this;
    const { waiting, refused } = outbox;
    fill(
      this.box,
      this.problem && h("p", { class: "wk-problem" }, this.problem.status === 401 ? say("signInAgain") : this.problem.status === 403 ? this.problem.reason : this.problem.reason),
      waiting.length > 0 && h("div", { class: "wk-waiting" }, h("span", { class: "wk-waiting-words" }), outbox.isSignedOut ? h("a", { href: "/sign-in?next=/worker", t: "signIn" }) : button("tryNow", () => ((outbox.tries = 0), outbox.send()))),
      refused.map((item) => h("div", { class: "wk-problem" }, h("p", {}, say("notSent", { label: say(`label_${item.label}`), reason: item.problem })), button("seen", () => outbox.remove(item)))),
      !this.isOnline && this.work && h("p", { class: "wk-soft" }, say("asOf", { at: clockTime(this.work.now, ZONE) })),
    );
  }

  // ------------------------------------------------------------------------------------------- tasks

  /** Tasks as they are when everything that waits has been sent. */
  tasks() {
    return (this.work?.tasks || [])
      .map((task) => {
        const pending = this.outbox.about(task.dispatch.id);
        const step = this.outbox.steps(task.dispatch.id).map((item) => STEPS[item.label]).filter(Boolean).pop();
        return { ...task, pending, state: step || task.dispatch.state };
      })
      .filter((task) => task.pending.length || !["declined", "done"].includes(task.state));
  }

  /** What of a task lies on this phone only: its steps, the words given with them, photos. */
  pendingLines({ pending }) {
    const steps = pending.filter((item) => STEPS[item.label]);
    const photos = pending.length - steps.length;
    return [
      ...steps.map((item) => h("p", { class: "wk-pending" }, say("pendingStep", { label: say(`label_${item.label}`), at: clockTime(new Date(item.at).toISOString(), ZONE) }), item.body?.reason && h("q", {}, item.body.reason))),
      photos > 0 && h("p", { class: "wk-pending" }, say("pendingPhotos", { count: photos })),
    ];
  }

  showTasks(tasks) {
    const key = JSON.stringify([tasks.map((task) => [task.dispatch.id, task.state, task.pending.length, task.incident]), document.documentElement.dataset.lang, this.position.last && [Math.round(this.position.last.lat * 1e4), Math.round(this.position.last.lon * 1e4)], Boolean(this.way?.found), this.work?.desk_phone]);
    if (key === this.tasksKey && this.body.querySelector(".wk-tasks")) return; // nothing jumps under a thumb
    this.tasksKey = key;
    fill(this.body, h("div", { class: "wk-tasks" }, tasks.length ? tasks.map((task) => this.taskCard(task)) : h("p", { class: "wk-none" }, say("noTasks"))));
  }

  taskCard(task) {
    const { dispatch, incident, state, pending } = task;
    const here = this.position.last;
    const away = here && incident.lon !== null ? towards(here, incident) : null;
    const act = (what, body = {}) => this.outbox.put({ path: `/v1/dispatches/${dispatch.id}/${what}`, body, label: what, about: dispatch.id });
    return h(
      "article",
      { class: `wk-task ${state}`, data: { dispatch: String(dispatch.id), state } },
      h("header", {}, h("span", { class: `wk-urgency ${incident.urgency}` }, sayCode("urgency", incident.urgency)), h("h2", {}, either(incident.category_zh, incident.category_en)), h("span", { class: "wk-state" }, pending.length ? say("stateWaits", { state: sayCode("sentState", state) }) : sayCode("sentState", state))),
      h("p", { class: "wk-address" }, incident.address || incident.path[incident.path.length - 1]?.name || say("noPlace"), incident.floor !== null && ` · ${say("floorIs", { floor: incident.floor })}`),
      h("p", { class: "wk-soft" }, incident.path.slice(-3).map((cell) => cell.name || cell.code).join(" › ")),
      away && h("p", { class: "wk-away" }, say("away", { metres: away.metres, direction: say(`direction_${away.direction}`) })),
      this.whereTo(task),
      h("p", { class: "wk-clock", data: { task: String(dispatch.id) } }),
      this.pendingLines(task),
      incident.photos.length > 0 && h("p", { class: "wk-soft" }, say("photosSent", { count: incident.photos.length })),
      !dispatch.lead && h("p", { class: "wk-soft" }, say("helper")),
      h(
        "div",
        { class: "wk-acts" },
        state === "sent" && button("accept", () => act("accept"), { class: "primary" }),
        state === "sent" && button("decline", () => this.declineDialog(act)),
        state === "accepted" && button("arrive", () => act("arrive", { at: new Date(serverNow()).toISOString() }), { class: "primary" }),
        state === "accepted" && button("decline", () => this.declineDialog(act)),
        state === "arrived" && button("done", () => this.doneDialog(task, act), { class: "primary" }),
        state === "arrived" && this.photoButton((file) => this.keepPhoto(task, file)),
      ),
    );
  }

  /** Where it is and how to get there: a sketch, coordinates, a map app; and whom to call. */
  whereTo({ dispatch, incident, state }) {
    const { desk_phone: phone } = this.work;
    const at = incident.lon !== null && { lon: incident.lon.toFixed(5), lat: incident.lat.toFixed(5) };
    const isOnTheWay = state === "sent" || state === "accepted";
    return [
      at && isOnTheWay && this.wayOf(dispatch, incident),
      at && h("p", { class: "wk-soft wk-pair" }, say("coordinates", at)),
      h(
        "div",
        { class: "wk-links" },
        at && h("a", { class: "wk-link", href: `geo:${at.lat},${at.lon}?q=${at.lat},${at.lon}`, t: "openMap" }),
        phone && h("a", { class: "wk-link", href: `tel:${phone.replace(/[^+0-9]/g, "")}` }, `${say("callDesk")} ${phone}`),
      ),
      h("p", { class: "wk-soft" }, say("sentBy", { who: dispatch.sent_by, at: clockTime(dispatch.sent_at, ZONE) })),
    ];
  }

  /** The sketch of a task: asked for once for each place, shown again from the phone where there is no line. */
  wayOf(dispatch, incident) {
    const key = `${dispatch.id}/${incident.lon}/${incident.lat}`;
    if (this.way?.key !== key) {
      const kept = recall("way"); // of the last task only
      this.way = kept?.key === key ? kept : { key, found: null };
    }
    if (!this.way.found && !this.way.isAsked) {
      const { way } = this;
      way.isAsked = true;
      const again = () => (way.isAsked = false);
      get("/v1/own-work/way", { patience: 15000 }).then((found) => {
        way.found = found;
        remember("way", { key, found });
        this.show();
      }, () => ((way.failed = true), setTimeout(again, 4 * LOOK_MS), this.show()));
    }
    const { found, failed } = this.way;
    if (!found) return failed ? h("p", { class: "wk-soft", t: "wayFails" }) : null;
    const told = found.way?.properties;
    return h("figure", { class: "wk-map" }, sketch(found, this.position.last), h("figcaption", {}, told ? say("theWay", { metres: Math.round(told.length_m), minutes: Math.max(1, Math.round(told.travel_s / 60)) }) : say("noWay")));
  }

  declineDialog(act) {
    const reason = h("textarea", { rows: 2, required: true, maxLength: 1000 });
    const quick = ["busyElsewhere", "tooFar", "notWell"].map((name) => button(name, () => (reason.value = say(name))));
    dialog(say("declineTitle"), [h("div", { class: "wk-quick" }, quick), field("reason", reason)], { accept: () => act("decline", { reason: reason.value.trim() }) });
  }

  doneDialog(task, act) {
    const note = h("textarea", { rows: 3, maxLength: 1000, tHolder: "noteHolder" });
    const shown = h("div", { class: "wk-previews" });
    const photos = [];
    const take = async (file) => {
      const small = await smaller(file);
      photos.push(small);
      shown.append(h("img", { src: await preview(small), alt: say("addPhoto") }));
    };
    dialog(say("doneTitle"), [field("note", note), this.photoButton(take), shown], {
      acceptName: "sendDone",
      accept: async () => {
        for (const photo of photos) await this.keepPhoto(task, photo, { isSmall: true });
        await act("done", { reason: note.value.trim() });
      },
    });
  }

  async keepPhoto(task, file, { isSmall = false } = {}) {
    const photo = isSmall ? file : await smaller(file);
    await this.outbox.put({ path: `/v1/incidents/${task.dispatch.incident_id}/photos`, file: photo, label: "photo", about: task.dispatch.id });
  }

  photoButton(take) {
    const input = h("input", { type: "file", accept: "image/*", capture: "environment", class: "wk-file", on: { change: () => [...input.files].forEach(take) } });
    return h("label", { class: "wk-photo" }, h("span", { t: "addPhoto" }), input);
  }

  // -------------------------------------------------------------------------------------------- cell

  cellView() {
    const cells = this.work?.cells || [];
    if (!cells.length) return h("p", { class: "wk-none" }, say("noCell"));
    const kinds = this.categories.filter((one) => !one.parent_code).map((one) => either(one.name_zh, one.name_en));
    return cells.map((cell) => h(
      "article",
      { class: "wk-cell" },
      h("h2", {}, cell.name || cell.code),
      h("p", { class: "wk-soft" }, cell.path.map((one) => one.name || one.code).join(" › ")),
      h("p", { class: "wk-code" }, cell.code),
      h("h3", { t: "signBoard" }),
      cell.boards.length
        ? cell.boards.map((board) => h("div", { class: "wk-board" }, h("b", {}, board.printed_name || cell.name), h("p", {}, board.printed_owner), h("small", {}, board.code), board.stale && h("p", { class: "wk-problem" }, say("boardStale"))))
        : h("p", { class: "wk-soft" }, say("noBoard")),
      h("h3", { t: "whatToReport" }),
      h("ul", { class: "wk-kinds" }, kinds.map((name) => h("li", {}, name))),
    ));
  }

  // ------------------------------------------------------------------------------------------ report

  reportView() {
    const parents = new Set(this.categories.map((one) => one.parent_code));
    const nameOf = new Map(this.categories.map((one) => [one.code, either(one.name_zh, one.name_en)]));
    const choices = this.categories.filter((one) => !parents.has(one.code)).map((one) => [one.code, one.parent_code ? `${nameOf.get(one.parent_code)} › ${nameOf.get(one.code)}` : nameOf.get(one.code)]);
    const category = select([["", say("chooseCategory")], ...choices], "", { required: true });
    const words = h("input", { type: "text", maxLength: 200, tHolder: "wordsHolder" });
    const own = h("input", { type: "checkbox", checked: Boolean(this.position.last), disabled: !this.position.last });
    const said = h("p", { class: "wk-soft", role: "status" });
    const form = h(
      "form",
      {
        class: "wk-report",
        on: {
          submit: async (event) => {
            event.preventDefault();
            const { last } = this.position;
            const place = own.checked && last ? { lon: last.lon, lat: last.lat, crs: "WGS84", accuracy_m: Math.max(1, Math.round(last.accuracy_m)) } : this.cellPlace();
            const body = { ...place, source_id: newKey(), occurred_at: new Date(serverNow()).toISOString(), category: category.value, channel: "worker", address: words.value.trim() };
            await this.outbox.put({ path: "/v1/incidents", body, label: "report" });
            form.reset();
            said.textContent = say("reportKept");
          },
        },
      },
      h("h2", { t: "reportTitle" }),
      field("category", category),
      field("words", words),
      h("label", { class: "wk-check" }, own, h("span", { t: "useMyPlace" })),
      h("button", { type: "submit", class: "primary", t: "sendReport" }),
      said,
    );
    return form;
  }

  /** Without a position: the own cell, where there is just one. */
  cellPlace() {
    const cells = this.work?.cells || [];
    return cells.length === 1 ? { level: cells[0].level, cell_code: cells[0].code } : {};
  }

  // --------------------------------------------------------------------------------------------- time

  tick() {
    for (const node of this.body.querySelectorAll(".wk-clock")) {
      const task = this.tasks().find((one) => String(one.dispatch.id) === node.dataset.task);
      const phase = { sent: "arrive", accepted: "arrive", arrived: "handle" }[task?.state]; // what is done has no clock
      const clock = task?.incident.standing?.clocks.find((one) => one.phase === phase);
      if (!clock?.due_at || clock.reached_at) {
        node.hidden = true;
        continue;
      }
      const left = (Date.parse(clock.due_at) - serverNow()) / 1000;
      node.hidden = false;
      node.classList.toggle("late", left < 0);
      node.textContent = say(`${clock.phase}${left < 0 ? "Late" : "Left"}`, { span: span(left) });
    }
    const words = this.box.querySelector(".wk-waiting-words");
    if (words) {
      const { waiting, nextAt, isSignedOut } = this.outbox;
      const seconds = nextAt ? Math.max(0, Math.ceil((nextAt - Date.now()) / 1000)) : null;
      words.textContent = isSignedOut ? say("signInAgain") : seconds === null ? say("waiting", { count: waiting.length }) : say("waitingIn", { count: waiting.length, seconds });
    }
  }
}

const page = new WorkerPage(document.getElementById("worker"));
window.worker = page; // for whoever looks from the console
page.start();
