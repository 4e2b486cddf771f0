/* Words in both languages, for pages that bring their own list. An element names its words and follows the switch. */

const words = new Map(); // name → [Chinese, English]

/** Take in a page's words: an object of pairs. */
export function addWords(list) {
  for (const [name, pair] of Object.entries(list)) words.set(name, pair);
}

/** Language that is read now: "zh" or "en". */
export const lang = () => (document.documentElement.dataset.lang === "en" ? "en" : "zh");

/** Whether there are words of this name. */
export const hasWords = (name) => words.has(name);

/** Words by name in the present language; `{name}` is replaced by a value. */
export function say(name, values = {}) {
  const pair = words.get(name);
  const text = pair ? pair[lang() === "en" ? 1 : 0] : name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

/** The fitting one of two texts that the server gives in both languages. */
export const either = (zh, en) => (lang() === "en" ? en || zh || "" : zh || en || "");

/** Words of a code of the server, such as a role; a code that the town made itself stands for itself. */
export const sayCode = (group, code) => (hasWords(`${group}_${code}`) ? say(`${group}_${code}`) : code || "");

/** Give an element the words that it names in data-t, data-t-title, data-t-label (for readers aloud), data-t-holder. */
export function translate(node) {
  const { t, tTitle, tLabel, tHolder } = node.dataset;
  if (t) node.textContent = say(t);
  if (tTitle) {
    node.title = say(tTitle);
    node.setAttribute("aria-label", node.title);
  }
  if (tLabel) node.setAttribute("aria-label", say(tLabel));
  if (tHolder) node.placeholder = say(tHolder);
}

/** Whenever the language is switched: the named words anew, then whoever asked to be told. */
export function onLanguage(listener) {
  document.addEventListener("geo-service:lang", listener);
}

onLanguage(() => document.querySelectorAll("[data-t], [data-t-title], [data-t-label], [data-t-holder]").forEach(translate));
