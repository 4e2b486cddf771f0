/* The keyboard of the desk. Letters do nothing while somebody writes. */

/** `acts` by name: report, queue, step(by), enter, candidate(n), filter, search, help, back, night, mute. */
export function listenToKeys(acts) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const isWriting = event.target.closest("input, textarea, select");
    const key = event.key.toLowerCase();
    if (event.altKey && key === "n") acts.night();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (key === "escape") acts.back();
    else if (isWriting) return;
    else if (key === "n") acts.report();
    else if (key === "m") acts.mute();
    else if (key === "f") acts.filter();
    else if (key === "?" || key === "？") acts.help();
    else if (key === "/") acts.search();
    else if (key >= "1" && key <= "5") acts.candidate(Number(key) - 1);
    else if ((key === "arrowdown" || key === "arrowup") && !event.target.closest(".ds-map, .ds-list, .ds-in-body")) acts.step(key === "arrowdown" ? 1 : -1);
    else return;
    event.preventDefault();
  });
}
