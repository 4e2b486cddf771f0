/*
 * The keyboard: letters take tools, / finds a cell, Ctrl+Z and its kin, Esc, Enter. Nothing while somebody writes.
 *
 * On the map the arrow keys move it, + and - zoom, and Space does at the cross in its middle what a click does there.
 */

import { TOOLS } from "./tools.js";

/** `showCross(whether)` is told when the map is moved by keys, and when the pointer is back. */
export function listenToKeys({ tools, actions, openPublish, search }, showCross) {
  const letters = new Map(TOOLS.map(([name, letter]) => [letter.toLowerCase(), () => tools.take(name)]));
  letters.set("r", () => tools.canTake("rename") && tools.rename());
  letters.set("/", () => search.focus());
  letters.set("z", () => tools.goToSelection());

  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest("input, textarea, select, dialog[open]");
    if (writing || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") event.shiftKey ? actions.redo() : actions.undo();
      else if (key === "y") actions.redo();
      else if (key === "enter") openPublish();
      else return;
      event.preventDefault();
      return;
    }
    if (event.altKey) return;
    if (event.target.closest(".pl-map") && (event.key === " " || event.key.startsWith("Arrow"))) showCross(true);
    if (event.key === " ") {
      if (!event.target.closest(".pl-map")) return;
      tools.pressMiddle(event);
      event.preventDefault();
      return;
    }
    if (event.key === "Enter" && event.target.closest("button, a, [tabindex]:not(.pl-map)")) return;
    if (key === "escape") tools.cancel();
    else if (key === "enter" && tools.running?.finish) tools.running.finish();
    else if (key === "backspace" && tools.running?.back) tools.running.back();
    else if (letters.has(key)) letters.get(key)();
    else return;
    event.preventDefault();
  });
  for (const news of ["pointermove", "focusout"]) document.querySelector(".pl-map").addEventListener(news, () => showCross(false));
}
