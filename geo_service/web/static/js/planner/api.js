/* The plan on the server. Every answer is JSON; every refusal becomes a Refusal with the server's own words. */

import { either, say } from "./i18n.js";

/** What the server refused, with the problem document. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.problem = problem;
    this.faults = problem.errors || [];
  }

  /** What was refused, in the language that is read. */
  get headline() {
    return either(this.problem.detail_zh, this.message);
  }

  /** Why, in one line: the faults say more than the headline. */
  get reason() {
    const said = [...new Set(this.faults.map(wordsOf).filter(Boolean))];
    return said.length ? said.slice(0, 3).join(either("；", "; ")) : this.headline;
  }

  /** Places [lon, lat] that the faults point at. */
  get places() {
    return this.faults.map((fault) => fault.place).filter(Array.isArray);
  }
}

/** What a fault says, in the language that is read. */
export const wordsOf = (fault) => either(fault.message_zh, fault.message);

async function request(method, path, body, headers = {}, signal = undefined) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { detail: say("offlineTitle") });
  }
  const text = await response.text();
  let content = {};
  try {
    content = text ? JSON.parse(text) : {};
  } catch {
    content = { detail: `${response.status} ${response.statusText}` };
  }
  if (!response.ok) throw new Refusal(response.status, content);
  return content;
}

/** Who is signed in: name and role. */
export async function whoAmI() {
  const { name = "", role = "" } = await request("GET", "/session");
  return { name, mayEdit: role === "planner" || role === "admin" };
}

/** The plans there are. */
export const listPlans = () => request("GET", "/v1/plans");

/** A new plan on the edition in force. */
export const openPlan = (name, note) => request("POST", "/v1/plans", note ? { name, note } : { name });

/** Give a plan up; it stays readable. */
export const dropPlan = (id, revision) => request("DELETE", `/v1/plans/${id}`, undefined, { "if-match": `"${revision}"` });

/** What is in force when, the oldest first. */
export const listEditions = () => request("GET", "/v1/editions");

/** Begin to publish an earlier edition again; the answer names the job that does it. */
export const restoreEdition = (id, wanted) => request("POST", `/v1/editions/${id}/restore`, wanted, { prefer: "respond-async" });

/** What the server was asked to do lately, the newest first. */
export const latestJobs = () => request("GET", "/v1/jobs?limit=20");

/** Jobs of the server. */
export class JobsApi {
  job(id) {
    return request("GET", `/v1/jobs/${id}`);
  }

  cancelJob(id) {
    return request("POST", `/v1/jobs/${id}/cancel`);
  }
}

/** One plan: what can be asked about it and done to it. */
export class PlanApi extends JobsApi {
  constructor(id) {
    super();
    this.id = encodeURIComponent(id);
    this.root = `/v1/plans/${encodeURIComponent(id)}`;
  }

  read() {
    return request("GET", this.root);
  }

  cells(level, bounds, signal) {
    const box = bounds.map((value) => value.toFixed(7)).join(",");
    return request("GET", `${this.root}/cells?level=${encodeURIComponent(level)}&bbox=${box}&limit=5000`, undefined, {}, signal);
  }

  /** All changes in order, page by page. */
  async changes() {
    const page = await request("GET", `${this.root}/changes`);
    for (let { next } = page; next; ) {
      const more = await request("GET", next);
      page.changes.push(...more.changes);
      next = more.next;
    }
    return page;
  }

  /** What was done or undone since a revision. */
  changesSince(revision) {
    return request("GET", `${this.root}/changes?since_revision=${revision}`);
  }

  change(revision, verb, args) {
    return request("POST", `${this.root}/changes`, { revision, verb, arguments: args });
  }

  undo(revision) {
    return request("POST", `${this.root}/undo`, { revision });
  }

  redo(revision) {
    return request("POST", `${this.root}/redo`, { revision });
  }

  findings(scope = "touched") {
    return request("GET", `${this.root}/findings?scope=${scope}`);
  }

  waive(rule, cells, why, until) {
    return request("POST", `${this.root}/waivers`, { rule, cells, why, until });
  }

  declareExclave(cell, why, until) {
    return request("POST", "/v1/exclaves/declared", { cell, why, until, plan_id: Number(this.id) });
  }

  split(wanted) {
    return request("POST", `${this.root}/split`, wanted);
  }

  suggestMerge(wanted) {
    return request("POST", `${this.root}/suggest/merge`, wanted);
  }

  suggestLeads(wanted) {
    return request("POST", `${this.root}/suggest/leads`, wanted);
  }

  /** Before and after; before is another plan where one is named, else the edition. */
  preview(against = "") {
    return request("GET", `${this.root}/preview${against && `?against=${against}`}`);
  }

  /** Cells whose name or code holds a text. */
  search(text, signal) {
    return request("GET", `${this.root}/cells/search?q=${encodeURIComponent(text)}&limit=12`, undefined, {}, signal);
  }

  comments() {
    return request("GET", `${this.root}/comments`);
  }

  comment(body, place) {
    return request("POST", `${this.root}/comments`, place ? { body, place } : { body });
  }

  /** Begin to publish; the answer names the job that does it. */
  publish(revision, wanted) {
    return request("POST", `${this.root}/publish`, wanted, { "if-match": `"${revision}"`, prefer: "respond-async" });
  }

  /** Jobs about this plan, the newest first. */
  jobs() {
    return request("GET", `/v1/jobs?subject=plan%20${this.id}&limit=1`);
  }

  /** Let the plan start from the edition in force, without the changes named in `drop`. */
  rebase(revision, drop = []) {
    return request("POST", `${this.root}/rebase`, { revision, drop });
  }

  /** News of the plan as they come; the browser connects again by itself. */
  listen(heard) {
    const source = new EventSource(`${this.root}/events`);
    const hear = (event) => {
      try {
        heard(JSON.parse(event.data));
      } catch {
        // a line to keep the connection open
      }
    };
    source.addEventListener("message", hear);
    source.addEventListener("revision", hear);
    return source;
  }
}
