/* The keyboard: letters take tools, Ctrl+Z and its kin, Esc, Enter. Nothing while somebody writes. */

import { TOOLS } from "./tools.js";

export function listenToKeys(tools, actions, openPublish) {
  const letters = new Map(TOOLS.map(([name, letter]) => [letter.toLowerCase(), () => tools.take(name)]));
  letters.set("r", () => tools.rename());
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
    if (key === "escape") tools.cancel();
    else if (key === "enter" && tools.running?.finish) tools.running.finish();
    else if (key === "backspace" && tools.running?.back) tools.running.back();
    else if (letters.has(key)) letters.get(key)();
    else return;
    event.preventDefault();
  });
}
