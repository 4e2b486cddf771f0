/* Elements, words in both languages, numbers. What is read is a matter of CSS: both languages stand there. */

const SVG = "http://www.w3.org/2000/svg";

/** Element with attributes and children; `null` and `false` are left out. */
export function h(tag, props, ...children) {
  return build(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function svg(tag, props, ...children) {
  return build(document.createElementNS(SVG, tag), props, children);
}

function build(node, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Words in Chinese with English beside them, or what is the same in both. */
export function w(zh, en) {
  if (!en || en === zh) return [zh];
  return [h("span", { lang: "zh-CN" }, zh), " ", h("small", { lang: "en" }, en)];
}

/** A moment, written as each language writes it. */
export function moment(at) {
  const [zh, en] = ["zh-CN", "en-GB"].map((tongue) => new Intl.DateTimeFormat(tongue, { dateStyle: "medium", timeStyle: "short" }).format(at));
  return each(zh, en);
}

/** Words of which one language alone is shown: the English when English is read, else the Chinese. */
export function each(zh, en) {
  return [h("span", { lang: "zh-CN" }, zh), h("span", { class: "pv-only-en", lang: "en" }, en)];
}

const formats = new Map();

/** Number with so many decimals at most; a dash for what is not known. */
export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "—";
  if (!formats.has(digits)) formats.set(digits, new Intl.NumberFormat("zh-CN", { maximumFractionDigits: digits, minimumFractionDigits: digits }));
  return formats.get(digits).format(value);
}

/** Share in percent. */
export const percent = (value) => (value === null || value === undefined ? "—" : `${number(100 * value, 1)}%`);
