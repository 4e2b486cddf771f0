/* From when an edition is in force, and why: what publishing and going back both ask. */

import { h } from "./dom.js";

/** First of the next month, which is when the districts change over. */
function nextMonth() {
  const now = new Date();
  const first = new Date(now.getFullYear(), now.getMonth() + 1, 1);
  const two = (value) => String(value).padStart(2, "0");
  return `${first.getFullYear()}-${two(first.getMonth() + 1)}-${two(first.getDate())}`;
}

/** Moment with the reader's offset from UTC, as the server wants it. */
function withOffset(date, time) {
  const at = new Date(`${date}T${time || "00:00"}`);
  const offset = -at.getTimezoneOffset();
  const two = (value) => String(Math.floor(Math.abs(value))).padStart(2, "0");
  return `${date}T${time || "00:00"}:00${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
}

/** The zone in which the date is read: that of this computer. */
function zoneOf(date, time) {
  return `UTC${withOffset(date.value, time.value).slice(-6)}`;
}

/** Fields for the moment and the note; `wanted()` is what the server is told, null while the note is missing. */
export function whenForm(holder, more = null) {
  const date = h("input", { type: "date", value: nextMonth(), required: true });
  const time = h("input", { type: "time", value: "00:00", required: true });
  const now = h("input", { type: "checkbox", on: { change: () => (date.disabled = time.disabled = now.checked) } });
  const note = h("textarea", { rows: 3, maxLength: 2000, tHolder: holder, required: true });
  const element = h(
    "div",
    { class: "pl-form" },
    h("label", {}, h("span", { t: "validFrom" }), date, time, h("small", {}, zoneOf(date, time))),
    h("label", { class: "pl-check" }, now, h("span", { t: "atOnce" })),
    more,
    h("label", { class: "wide" }, h("span", { t: "note" }), note),
  );

  function wanted() {
    const said = note.value.trim();
    if (!said) {
      note.focus();
      return null;
    }
    return now.checked ? { note: said } : { note: said, valid_from: withOffset(date.value, time.value) };
  }
  return { element, wanted };
}
