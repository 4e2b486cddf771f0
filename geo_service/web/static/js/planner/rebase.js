/* The base has moved on: put the plan on the edition in force. Changes that do not fit are shown on the map and can be left out. */

import { wordsOf } from "./api.js";
import { fromPlace } from "./cells.js";
import { button, dialog, fill, h, notice } from "./dom.js";
import { summaryOf } from "./history.js";
import { say } from "./i18n.js";

const { Feature, geom } = window.ol;

/** The faults that name a change which does not fit. */
const clashesOf = (error) => (error.faults || []).filter((fault) => fault.field.startsWith("changes[") && Number.isFinite(fault.value));

/** Try at once; only what does not fit asks for a decision. `refresh` fetches the plan anew. */
export async function rebaseDialog(state, api, map, refresh) {
  try {
    await api.rebase(state.revision);
    await refresh();
  } catch (error) {
    if (!clashesOf(error).length) {
      notice(say("notRebased", { reason: error.reason || error.message }), { kind: "bad" });
      return;
    }
    const { changes } = await api.changes().catch(() => ({ changes: [] }));
    decide(state, api, map, refresh, error, new Map(changes.map((change) => [change.number, change])));
  }
}

function decide(state, api, map, refresh, error, history) {
  const list = h("ul", { class: "pl-plain" });
  let clashes = [];

  function show(refusal) {
    clashes = clashesOf(refusal);
    map.show("trouble", clashes.flatMap((fault) => marks(fault)));
    fill(list, clashes.map((fault) => row(fault)));
  }

  /** Where a change does not fit: the place that the server names, and the cells that it touched. */
  function marks(fault) {
    const cells = (history.get(fault.value)?.cells || []).map((cell) => map.cells.find(cell)).filter((cell) => cell && cell.get("level") === state.shown.code);
    const shapes = cells.map((cell) => new Feature(cell.getGeometry()));
    return fault.place ? [...shapes, new Feature(new geom.Point(fromPlace(fault.place)))] : shapes;
  }

  function row(fault) {
    const change = history.get(fault.value);
    const way = fault.place ? button("showPlace", () => map.goTo(new geom.Point(fromPlace(fault.place)).getExtent(), 17, 460), { class: "pl-quiet" }) : null;
    return h("li", {}, h("b", {}, `${fault.value} · ${change ? `${change.who} · ${summaryOf(change)}` : ""}`), h("p", { class: "pl-soft" }, wordsOf(fault)), way);
  }

  async function again() {
    leaveOut.disabled = true;
    const drop = clashes.map((fault) => fault.value);
    try {
      await api.rebase(state.revision, [...new Set([...left, ...drop])]);
      box.done();
      await refresh();
    } catch (second) {
      if (clashesOf(second).length) {
        left.push(...drop);
        show(second);
        leaveOut.disabled = false;
      } else fill(list, h("li", { class: "pl-bad", role: "alert" }, second.reason || second.message));
    }
  }

  const left = []; // numbers that are left out already
  const leaveOut = button("leaveOut", again, { class: "primary" });
  const box = dialog("rebase", [h("p", { t: "rebaseSays" }), list], [button("cancel", () => box.done()), leaveOut], () => map.clear("trouble"));
  box.classList.add("aside"); // the places stay in sight beside it
  show(error);
}
