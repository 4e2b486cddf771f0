/* Elements and words. Text is always text: nothing here makes markup of it. */

import { WORDS } from "./words.js";

/** Language that is read now: "zh" or "en". */
export const lang = () => (document.documentElement.dataset.lang === "en" ? "en" : "zh");

/** Words by name in the present language; `{name}` is replaced by a value. */
export function say(key, values = {}) {
  const pair = WORDS[key];
  const text = pair ? pair[lang() === "en" ? 1 : 0] : key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The fitting one of two texts that the server gives in both languages. */
export const either = (zh, en) => (lang() === "en" ? en || zh || "" : zh || en || "");

/** Words of a role, or the role itself where the town has one of its own. */
export function roleWords(role) {
  return WORDS[`role_${role}`] ? say(`role_${role}`) : role;
}

/** Day of the week of a day like 2026-11-22, as words. */
export function weekdayWords(day) {
  const number = ((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7) + 1;
  return lang() === "en" ? say(`week${number}`) : `周${say(`week${number}`)}`;
}

/** Element with properties and children; children that are null or false are left out. */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "style") Object.assign(node.style, value);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Push button. */
export const button = (text, listener, props = {}) => h("button", { type: "button", on: { click: listener }, ...props }, text);

/** A field of a form with its label. */
export function field(key, control) {
  return h("label", { class: "ro-field" }, h("span", {}, say(key)), control);
}

/** Choices; `chosen` is the value at first. */
export function select(options, chosen, props = {}) {
  const box = h("select", props);
  for (const [value, text] of options) box.append(h("option", { value, selected: value === chosen }, text));
  return box;
}

/** One line that says what happened; it goes by itself, and is read out. */
export function toast(text, bad = false) {
  let box = document.querySelector(".ro-toast");
  if (!box) {
    box = h("div", { class: "ro-toast", role: "status" });
    document.body.append(box);
  }
  box.textContent = text;
  box.classList.toggle("bad", bad);
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, bad ? 8000 : 3000);
}

/** Dialog in front of the page; Esc closes it, and the keyboard goes back to where it was. */
export function dialog(title, ...content) {
  const back = document.activeElement;
  const box = h(
    "dialog",
    { class: "ro-dialog", "aria-label": title },
    h("header", {}, h("h2", {}, title), h("button", { type: "button", class: "ro-close", "aria-label": say("close"), title: say("close"), on: { click: () => box.close() } }, "×")),
    h("div", { class: "ro-dialog-body" }, content),
  );
  box.addEventListener("close", () => {
    box.remove();
    if (box.dataset.quiet !== "yes" && back && back.isConnected) back.focus();
  });
  document.body.append(box);
  box.showModal();
  return box;
}
