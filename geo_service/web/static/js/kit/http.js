/* Requests to our own server. Every refusal becomes a Refusal with the server's own words. */

import { either, say } from "./i18n.js";

/** What the server refused; status 0: it did not answer, and the same request may be sent again. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.problem = problem;
    this.faults = problem.errors || [];
  }

  /** Why, in one line, in the language that is read: the faults say more than the headline. */
  get reason() {
    const headline = either(this.problem.detail_zh, this.message);
    const said = [...new Set(this.faults.map((fault) => either(fault.message_zh, fault.message)).filter(Boolean))];
    return this.status === 409 || !said.length ? headline : said.slice(0, 3).join(either("；", "; "));
  }

  /** Whether trying again may help: no answer, or the server is busy. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** A key for a request that must take effect once, however often it is sent. */
export function newKey() {
  if (window.crypto.randomUUID) return window.crypto.randomUUID();
  const bytes = window.crypto.getRandomValues(new Uint8Array(16)); // pages without TLS have no randomUUID
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Send a request and return its JSON.
 *
 * `key` goes along as Idempotency-Key; `file` is sent as multipart; after `patience` milliseconds without an answer
 * it counts as not answered. `later` asks for a job instead of the answer. `timed` is told how the server's clock stands (see clock.js).
 */
export async function call(method, path, body, { key, file, signal, patience = 20000, heard, later } = {}) {
  const headers = { accept: "application/json" };
  if (key) headers["idempotency-key"] = key;
  if (later) headers.prefer = "respond-async";
  let content;
  if (file) {
    content = new FormData();
    content.append("file", file, file.name || "photo.jpg");
  } else if (body !== undefined) {
    headers["content-type"] = "application/json";
    content = JSON.stringify(body);
  }
  const patient = new AbortController();
  const timer = setTimeout(() => patient.abort(), patience);
  signal?.addEventListener("abort", () => patient.abort());
  let response;
  let text;
  try {
    response = await fetch(path, { method, headers, body: content, credentials: "same-origin", signal: patient.signal });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, { detail: say("noAnswer") });
  } finally {
    clearTimeout(timer);
  }
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    answer = { detail: `${response.status} ${response.statusText}` };
  }
  if (!response.ok) throw new Refusal(response.status, answer);
  heard?.(response);
  return answer;
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body, options) => call("POST", path, body, options);

/** Query string of what is given; a list is given value by value under one name. */
export function query(values) {
  const pairs = Object.entries(values).flatMap(([name, value]) => (Array.isArray(value) ? value.map((one) => [name, one]) : [[name, value]]));
  const given = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
