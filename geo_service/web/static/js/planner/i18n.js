/* Words in both languages. Elements name theirs in data-t, data-t-title, data-t-label, data-t-holder and follow the switch. */

import { WORDS } from "./words.js";

/** Language that is read now: "zh" or "en". */
export function lang() {
  return document.documentElement.dataset.lang === "en" ? "en" : "zh";
}

/** Words by name in the present language; `{name}` is replaced by a value. A text without entry stands for itself. */
export function say(key, values = {}) {
  const pair = WORDS[key];
  const text = pair ? pair[lang() === "en" ? 1 : 0] : key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The fitting one of two texts that the server gives in both languages. */
export function either(zh, en) {
  return lang() === "en" ? en || zh || "" : zh || en || "";
}

/** Give an element, not its children, the words that it names. */
export function translate(node) {
  const { t, tTitle, tLabel, tHolder, tArgs } = node.dataset;
  const values = tArgs ? JSON.parse(tArgs) : {};
  if (t) node.textContent = say(t, values);
  if (tTitle) {
    node.title = say(tTitle, values);
    node.setAttribute("aria-label", node.title);
  }
  if (tLabel) node.setAttribute("aria-label", say(tLabel, values));
  if (tHolder) node.placeholder = say(tHolder, values);
}

/** Whenever the language is switched: all words anew, then whoever asked to be told. */
export function onLanguage(listener) {
  document.addEventListener("geo-service:lang", listener);
}

onLanguage(() => document.querySelectorAll("[data-t], [data-t-title], [data-t-label], [data-t-holder]").forEach(translate));

const formats = new Map();

/** Number with at most so many decimals and groups of thousands. */
export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "—";
  if (!formats.has(digits)) formats.set(digits, new Intl.NumberFormat("zh-CN", { maximumFractionDigits: digits }));
  return formats.get(digits).format(value);
}

/** Area as people read it. */
export function area(m2) {
  if (!Number.isFinite(m2)) return "—";
  const unit = Math.abs(m2) >= 1e6 ? ["km²", 1e6, 2] : ["ha", 1e4, 2];
  return `${number(m2 / unit[1], unit[2])} ${unit[0]}`;
}

/** Moment in the reader's own time. */
export function moment(text) {
  if (!text) return "";
  const at = new Date(text);
  const two = (value) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
