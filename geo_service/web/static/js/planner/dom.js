/* Elements, icons and small dialogs. Text is always text: nothing here makes markup of it. */

import { say, translate } from "./i18n.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Element with properties and children.
 *
 * `t`, `tTitle` and `tLabel` (a title that is only read out) name words of i18n.js, so that they change with the
 * language; `on` holds listeners,
 * `data` the data attributes; everything else is an attribute. Children that are null or false are left out.
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "t") node.dataset.t = value;
    else if (name === "tTitle") node.dataset.tTitle = value;
    else if (name === "tLabel") node.dataset.tLabel = value;
    else if (name === "tHolder") node.dataset.tHolder = value;
    else if (name === "tArgs") node.dataset.tArgs = JSON.stringify(value);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  translate(node);
  return node;
}

/** Put new children into an element. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/** Line drawings of the tools, on a field of 24 by 24. */
const ICONS = {
  select: "M5 3l14 8-6 2-3 6z",
  lasso: "M12 5c5 0 8 2.2 8 5s-3 5-8 5-8-2.2-8-5 3-5 8-5zM8 14c-2 1-2 4 0 4s2 3 0 3",
  move: "M4 17L10 7l8 3 2 9M10 7h.01M8.4 5.4h3.2v3.2H8.4zM16.4 8.4h3.2v3.2h-3.2z",
  cut: "M4 4h16v16H4zM13 2l-3 20",
  along: "M6 22C6 14 18 12 18 2M12 22c0-4 2-6 4-8M6 12c2-3 4-5 5-10",
  piece: "M4 4h9v16H4zM13 9l7 3-7 3M8 12h9",
  merge: "M3 5h7v14H3zM14 5h7v14h-7zM10 12h4",
  hand: "M4 12h13M12 6l6 6-6 6M21 4v16",
  adopt: "M4 4h16v16H4zM12 8v8M8 12h8",
  split: "M4 4h16v16H4zM4 12h16M12 4v16",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3",
  undo: "M9 6L4 11l5 5M4 11h10a6 6 0 010 12",
  redo: "M15 6l5 5-5 5M20 11H10a6 6 0 000 12",
  close: "M6 6l12 12M18 6L6 18",
  zoom: "M10 4a6 6 0 100 12 6 6 0 000-12zM14.5 14.5L20 20",
};

/** One of the line drawings. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "pl-icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name] || "");
  svg.append(path);
  return svg;
}

/** Let the arrow keys go through the children of a box, as in any group of choices; the one reached is chosen at once. */
export function arrows(box) {
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = [...box.children].filter((one) => !one.hidden && !one.disabled);
    const at = all.indexOf(event.target.closest("button"));
    if (!step || at < 0) return;
    event.preventDefault();
    const next = (at + step + all.length) % all.length;
    all[next].click();
    const found = [...box.children].filter((one) => !one.hidden && !one.disabled)[next]; // choosing may make them anew
    found?.focus();
  });
  return box;
}

/** A row or line that leads somewhere: by click, Enter or Space. */
export function leads(node, go) {
  node.tabIndex = 0;
  node.addEventListener("click", go);
  node.addEventListener("keydown", (event) => {
    if (event.target !== node || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    go();
  });
  return node;
}

/** Push button with words of i18n.js. */
export function button(key, listener, props = {}) {
  return h("button", { type: "button", t: key, on: { click: listener }, ...props });
}

/**
 * Dialog in front of the page. Esc closes it; `closed` is called however it goes.
 *
 * Returns the dialog element with a method `done()` that closes it.
 */
export function dialog(titleKey, content, actions, closed) {
  const box = h(
    "dialog",
    { class: "pl-dialog" },
    h("header", {}, h("h2", { t: titleKey }), h("button", { type: "button", class: "pl-close", tTitle: "close", on: { click: () => box.close() } }, icon("close"))),
    h("div", { class: "pl-dialog-body" }, content),
    h("footer", {}, actions),
  );
  box.done = () => box.close();
  box.addEventListener("close", () => {
    box.remove();
    if (closed) closed();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/** Let Enter answer a question with its first button, unless something is written or another button has the focus. */
function answeredByEnter(box) {
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.target.closest("button, a, textarea, input")) return;
    event.preventDefault();
    box.querySelector("footer .primary").click();
  });
}

/** Ask for one line of text; resolves to null when it is called off. */
export function ask(titleKey, labelKey, value = "", { required = true, choices = null } = {}) {
  return new Promise((resolve) => {
    let answer = null;
    const input = choices
      ? h("select", {}, choices.map(([code, key]) => h("option", { value: code, t: key, selected: code === value })))
      : h("input", { type: "text", value, maxLength: 200, required });
    const accept = () => {
      if (required && !input.value.trim()) return input.focus();
      answer = input.value.trim();
      box.done();
      return undefined;
    };
    const form = h("form", { on: { submit: (event) => (event.preventDefault(), accept()) } }, h("label", {}, h("span", { t: labelKey }), input));
    const box = dialog(titleKey, form, [button("cancel", () => box.done()), button("ok", accept, { class: "primary" })], () => resolve(answer));
    answeredByEnter(box);
    input.focus();
  });
}

/** Ask whether to go on; the word of the title is that of the button as well. */
export function sure(titleKey, content) {
  return new Promise((resolve) => {
    let yes = false;
    const box = dialog(titleKey, content, [button("cancel", () => box.done()), button("goOn", () => ((yes = true), box.done()), { class: "primary" })], () => resolve(yes));
    answeredByEnter(box);
    box.querySelector("footer .primary").focus();
  });
}

/** Say something in passing at the foot of the map; a problem stays until it is put away. */
export function notice(text, { kind = "info", actions = [], lasting = kind !== "info" } = {}) {
  const shelf = document.querySelector(".pl-notices");
  const box = h("div", { class: `pl-notice ${kind}`, role: kind === "info" ? "status" : "alert" }, h("p", {}, text));
  const away = () => box.remove();
  for (const [key, act] of actions) box.append(button(key, () => (away(), act())));
  box.append(h("button", { type: "button", class: "pl-close", title: say("close"), on: { click: away } }, icon("close")));
  while (shelf.children.length >= 3) shelf.firstElementChild.remove();
  shelf.append(box);
  if (!lasting) setTimeout(away, 6000);
  return { away };
}
