/* A publication under way: a job of the server. How far it is, cancelling it, and finding it again after a reload. */

import { Refusal, wordsOf } from "./api.js";
import { button, dialog, fill, h, notice } from "./dom.js";
import { moment, say } from "./i18n.js";

/** What is done one after the other; the server counts each by itself. */
const PHASES = ["proof", "cells", "incidents", "lineage"];
const ASK_EVERY_MS = 400;
export const ENDED = ["done", "failed", "cancelled"];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Bar and list of phases; `show(job)` brings them up to what the server says. */
export function progressView() {
  const bar = h("progress", { max: PHASES.length, value: 0, tTitle: "publishing" });
  const steps = PHASES.map((phase) => h("li", { data: { phase } }, h("span", { t: `phase_${phase}` }), h("small", {})));
  const state = h("p", { class: "pl-soft", role: "status", t: "queued" });
  const element = h("div", { class: "pl-progress" }, bar, h("ol", {}, steps), state);

  function show(job) {
    const { phase, done, total } = job.progress;
    const at = PHASES.indexOf(phase);
    bar.value = job.state === "done" ? PHASES.length : Math.max(at, 0) + (total ? done / total : 0);
    steps.forEach((step, k) => {
      step.className = k < at || job.state === "done" ? "done" : k === at ? "now" : "";
      if (k === at) step.lastChild.textContent = total ? `${done.toLocaleString()} / ${total.toLocaleString()}` : "";
    });
    state.textContent = say(job.cancelling ? "cancelling" : job.state === "running" ? "publishing" : job.state);
  }

  return { element, show };
}

/** Ask until the job has ended; resolves to its result, or throws why there is none. */
async function ended(api, id, show) {
  for (;;) {
    let job = null;
    try {
      job = await api.job(id);
    } catch (error) {
      if (error.status >= 400 && error.status < 500) throw error;
      // the server is away for a moment; it takes the job up again when it is back
    }
    if (job) {
      show(job);
      if (job.state === "done") return job.result;
      if (job.state === "failed") throw new Refusal(job.problem.status, job.problem);
      if (job.state === "cancelled") throw new Refusal(0, { detail: say("cancelled") });
    }
    await pause(ASK_EVERY_MS);
  }
}

/** Show how far a job is in `place` until it has ended; `cancel` is shown meanwhile. */
export async function follow(state, api, id, place) {
  const view = progressView();
  const cancel = button("cancelPublishing", async () => {
    cancel.disabled = true;
    try {
      view.show(await api.cancelJob(id));
    } catch (error) {
      notice(error.reason, { kind: "bad" }); // it has ended meanwhile, and says so itself
    }
  });
  fill(place, view.element, cancel);
  state.publishing = true;
  try {
    return await ended(api, id, view.show);
  } finally {
    state.publishing = false;
    fill(place);
  }
}

/** Say that the plan is published, and what that touches. */
export async function tellPublished(state, api, result) {
  state.plan = await api.read();
  state.tell("plan");
  notice(say("published"));
  const after = dialog("published", publishedView(result), [button("close", () => after.done())]);
}

/** What was published, from when, and what it touches. */
export function publishedView(result) {
  const from = result.valid_from && new Date(result.valid_from) > new Date() ? result.valid_from : null;
  const { duties, sign_boards: signs } = result.touched;
  return [
    h("p", { t: "publishedSays", tArgs: { number: result.edition_id } }),
    from ? h("p", { t: "publishedFrom", tArgs: { date: moment(from) } }) : null,
    h("p", { t: "incidentsPlaced", tArgs: { count: result.incidents_placed } }),
    duties.length ? h("details", {}, h("summary", { t: "dutiesTouched", tArgs: { count: duties.length } }), h("ul", { class: "pl-plain" }, duties.map(dutyRow))) : null,
    signs.boards.length ? h("details", {}, h("summary", { t: "boardsTouched", tArgs: { print: signs.print_again, hands: signs.change_hands } }), h("ul", { class: "pl-plain" }, signs.boards.map(boardRow))) : null,
    h("p", { class: "pl-row" }, h("a", { class: "primary", href: "/maps/staffing", t: "toMap" }), h("a", { href: "/planner", t: "plans" })),
  ];
}

function dutyRow(duty) {
  const heirs = duty.passed_on.map((flow) => `${flow.cell[1]} ${Math.round(flow.share_land * 100)}%`).join(", ");
  return h("li", {}, h("b", {}, duty.name), ` ${duty.cell_name || duty.cell[1]} · `, h("span", { t: `change_${duty.change}` }), heirs ? ` → ${heirs}` : "");
}

function boardRow(board) {
  const reasons = board.reasons.flatMap((reason) => [" · ", h("span", { t: `board_${reason}` })]);
  return h("li", {}, h("b", {}, board.printed_name), ` ${board.code}`, reasons, board.changes_hands && board.to ? ` → ${board.to[1]}` : "");
}

/** Why a publication was refused, with its faults. */
export function refusal(error) {
  return [
    h("p", { class: "pl-bad", role: "alert" }, error.headline || error.message),
    h("ul", { class: "pl-plain" }, (error.faults || []).slice(0, 10).map((fault) => h("li", {}, wordsOf(fault)))),
  ];
}

/** After a reload: follow the publication of this plan that is still under way, if there is one. */
export async function resume(state, api) {
  if (!state.isOpen) return;
  let job = null;
  try {
    [job] = (await api.jobs()).jobs;
  } catch {
    return; // who may not see jobs has none
  }
  if (!job || ENDED.includes(job.state)) return;
  const place = h("div", {});
  const box = dialog("publish", [place], [button("close", () => box.done())]);
  try {
    const result = await follow(state, api, job.id, place);
    box.done();
    await tellPublished(state, api, result);
  } catch (error) {
    fill(place, refusal(error));
  }
}
