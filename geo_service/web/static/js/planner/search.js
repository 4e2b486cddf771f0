/* A cell by name or code: what is written is looked up on the server, what is chosen is shown and selected. */

import { toExtent } from "./cells.js";
import { fill, h, notice } from "./dom.js";
import { say } from "./i18n.js";
import { levelName } from "./styles.js";

const WAIT_MS = 180; // after the last letter
const TURNS = 20; // a move of the map calls off what is being fetched

/** Field in the bar; `focus()` puts the cursor into it. */
export function cellSearch(state, api, map) {
  const list = h("ul", { id: "pl-found", class: "pl-found", role: "listbox", hidden: true, tLabel: "searchCells" });
  const field = h("input", { type: "search", class: "pl-search-field", role: "combobox", "aria-expanded": "false", "aria-controls": "pl-found", "aria-autocomplete": "list", autocomplete: "off", maxLength: 100, tTitle: "searchCells", tHolder: "searchHolder" });
  let found = [];
  let at = 0;
  let timer = 0;
  let call = null;

  function show() {
    const rows = found.map((cell, place) => h(
      "li",
      { role: "option", id: `pl-found-${place}`, "aria-selected": String(place === at), on: { pointerdown: (event) => (event.preventDefault(), choose(place)) } },
      h("b", {}, cell.name),
      h("small", {}, `${levelName(state.levelOf(cell.level))} ${cell.code} · ${cell.above.slice(1).join(" › ")}`),
    ));
    fill(list, rows.length ? rows : h("li", { class: "pl-empty", t: "searchNone" }));
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    field.setAttribute("aria-activedescendant", rows.length ? `pl-found-${at}` : "");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  function away() {
    clearTimeout(timer);
    call?.abort();
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
  }

  /** Look up what stands in the field; an answer to older letters is not waited for. */
  async function look() {
    away();
    const text = field.value.trim();
    if (!text) return false;
    const own = (call = new AbortController());
    try {
      const { cells } = await api.search(text, own.signal);
      if (own.signal.aborted) return false;
      found = cells.filter((cell) => state.levelOf(cell.level));
      at = 0;
      show();
      return true;
    } catch (error) {
      if (error.name !== "AbortError") notice(error.reason || error.message, { kind: "bad" });
      return false;
    }
  }

  async function choose(place) {
    const cell = found[place];
    if (!cell) return;
    away();
    field.blur();
    if (!cell.bounds) notice(say("noPlace"));
    else await goToCell(state, map, cell);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    found = [];
    timer = setTimeout(look, WAIT_MS);
  });
  field.addEventListener("blur", away);
  field.addEventListener("keydown", async (event) => {
    if (event.isComposing) return; // letters of an input method
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      at = (at + step + found.length) % found.length;
      show();
    } else if (event.key === "Enter") {
      if (found.length || (await look())) choose(at);
    } else if (event.key === "Escape") {
      away();
      field.value = "";
      field.blur();
    } else return;
    event.preventDefault();
  });
  return { element: h("div", { class: "pl-search" }, field, list), focus: () => (field.focus(), field.select()) };
}

/** Show a cell on its level and select it, as soon as it is here. */
async function goToCell(state, map, { level, code, bounds }) {
  state.level = level;
  state.tell("level");
  map.goTo(toExtent(bounds));
  for (let turn = 0; turn < TURNS; turn++) {
    if (await map.cells.ensure(level, toExtent(bounds))) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const feature = map.cells.find([level, code]);
  if (feature && state.shown.code === level) {
    state.select([feature]);
    state.tell("open", "selection");
  }
}
