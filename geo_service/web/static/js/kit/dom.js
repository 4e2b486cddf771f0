/* Elements and dialogs. Text is always text: nothing here makes markup of it. */

import { translate } from "./i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const isChild = (child) => child !== null && child !== undefined && child !== false && child !== "";

/**
 * Element with properties and children.
 *
 * `t`, `tTitle`, `tLabel`, `tHolder` name words, so that they change with the language; `on` holds listeners, `data` the data
 * attributes; everything else is a property or attribute. Children that are null, false or empty are left out.
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "t" || name === "tTitle" || name === "tLabel" || name === "tHolder") node.dataset[name] = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(2).filter(isChild));
  translate(node);
  return node;
}

/** Put new children into an element. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(2).filter(isChild));
}

/** Set the text of an element if it is another: what does not change is not laid out anew. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Push button with named words. */
export const button = (name, listener, props = {}) => h("button", { type: "button", t: name, on: { click: listener }, ...props });

/** A drawing on a field of 16 by 16; `filled` paths are painted, the others are lines. */
export function drawing(path, { filled = false, className = "" } = {}) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `gs-drawing ${filled ? "filled" : ""} ${className}`);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** A field of a form: the label above, the control below. */
export const field = (name, control, className = "") => h("label", { class: `gs-field ${className}` }, h("span", { t: name }), control);

/** A list of choices; each is [value, text]. */
export function select(choices, chosen, props = {}) {
  return h("select", props, choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

/**
 * Dialog in front of the page; Esc closes it and the keyboard goes back to where it was.
 *
 * `accept` is called when it is agreed to, and may return a promise: the dialog stays, with the reason, if that fails.
 */
export function dialog(title, content, { accept, acceptName = "ok", danger = false } = {}) {
  const back = document.activeElement;
  const problem = h("p", { class: "gs-problem", role: "alert", hidden: true });
  const submit = h("button", { type: "submit", class: danger ? "danger" : "primary", t: acceptName });
  const form = h(
    "form",
    { method: "dialog" },
    h("div", { class: "gs-dialog-body" }, content, problem),
    h("footer", {}, h("button", { type: "button", t: "cancel", on: { click: () => box.close() } }), submit),
  );
  const box = h("dialog", { class: "gs-dialog", "aria-label": title }, h("header", {}, h("h2", {}, title)), form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    problem.hidden = true;
    try {
      if ((await accept?.()) !== false) box.close();
    } catch (error) {
      problem.textContent = error.reason || error.message;
      problem.hidden = false;
    } finally {
      submit.disabled = false;
    }
  });
  box.addEventListener("close", () => {
    box.remove();
    if (back?.isConnected) back.focus();
  });
  document.body.append(box);
  box.showModal();
  (form.querySelector("input, textarea, select") || submit).focus();
  return box;
}
