/* The roster on the server. Every refusal becomes a Refusal with the server's own words. */

import { either, say } from "./dom.js";

/** What the server refused, with the problem document. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(either(problem.detail_zh, problem.detail) || problem.title || String(status));
    this.status = status;
    this.faults = problem.errors || [];
  }

  /** Why, in one line. */
  get reason() {
    const said = [...new Set(this.faults.map((fault) => either(fault.message_zh, fault.message)).filter(Boolean))];
    return said.length ? said.slice(0, 3).join(either("；", "; ")) : this.message;
  }
}

async function request(method, path, body, headers = {}, signal = undefined) {
  let response;
  try {
    response = await fetch(path, {
      method, signal, credentials: "same-origin",
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { detail: say("offline") });
  }
  const text = await response.text();
  let content = {};
  try {
    content = text ? JSON.parse(text) : {};
  } catch {
    content = { detail: `${response.status} ${response.statusText}` };
  }
  if (!response.ok) throw new Refusal(response.status, content);
  return { content, tag: response.headers.get("etag") };
}

const get = async (path, query = {}, signal = undefined) => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given).toString();
  return (await request("GET", text ? `${path}?${text}` : path, undefined, {}, signal)).content;
};

export const whoAmI = () => get("/session");
export const week = (query, signal) => get("/v1/roster", query, signal);
export const vacancies = (query, signal) => get("/v1/vacancies", query, signal);
export const alarms = (query, signal) => get("/v1/alarms", query, signal);
export const calendars = async () => (await get("/v1/calendars", { limit: 500 })).entries;
export const posts = async () => (await get("/v1/posts", { limit: 500 })).entries;

/** People whose name or code holds a text; the first twenty. */
export const people = async (q, signal) => (await get("/v1/responders", { q, limit: 20 }, signal)).entries;

/** Cells of the upper levels, for the choice of where. */
export async function cells(level) {
  const found = await get("/v1/cells", { level, geometry: "false", limit: 1000 });
  return found.features.map((one) => one.properties);
}

export const levels = async () => (await get("/v1/status")).levels || [];

/** A file of shifts: looked at, or written. */
export async function importShifts(file, zone, commit) {
  const form = new FormData();
  form.append("file", file, file.name);
  form.append("timezone", zone);
  let response;
  try {
    response = await fetch(`/v1/imports/shifts?commit=${commit}`, { method: "POST", body: form, credentials: "same-origin", headers: { accept: "application/json" } });
  } catch {
    throw new Refusal(0, { detail: say("offline") });
  }
  const content = await response.json().catch(() => ({ detail: `${response.status} ${response.statusText}` }));
  if (!response.ok) throw new Refusal(response.status, content);
  return content;
}

const once = () => ({ "idempotency-key": crypto.randomUUID() });
const entry = (register, key) => `/v1/${register}/${encodeURIComponent(key)}`;

/** One entry with its tag. */
export const read = (register, key) => request("GET", entry(register, key));
/** A new entry; sent again by an impatient line it is there once. */
export const add = async (register, said) => (await request("POST", `/v1/${register}`, said, once())).content;
/** An entry in the place of the one that was read with this tag. */
export const put = async (register, key, said, tag) => (await request("PUT", entry(register, key), said, tag ? { "if-match": tag } : {})).content;

/** Take an entry away, as it is now. */
export async function remove(register, key) {
  const { tag } = await read(register, key);
  await request("DELETE", entry(register, key), undefined, { "if-match": tag });
}
