/* The base has moved on: put the plan on the edition in force; changes that do not fit are shown, and can be left out. */

import { fromPlace } from "./cells.js";
import { button, dialog, h } from "./dom.js";
import { reasonOf } from "./reasons.js";

const { Feature, geom } = window.ol;

export async function rebaseDialog(state, api, map) {
  try {
    await api.rebase(state.revision);
    window.location.reload();
  } catch (error) {
    const clashes = error.faults.filter((fault) => fault.field.startsWith("changes[") && Number.isFinite(fault.value));
    const places = error.places.map((place) => new Feature(new geom.Point(fromPlace(place))));
    map.show("trouble", places);
    const rows = error.faults.map((fault) => h("li", {}, h("b", {}, `${fault.value ?? ""} `), reasonOf(fault.message), fault.place ? button("showPlace", () => map.goTo(new geom.Point(fromPlace(fault.place)).getExtent(), 17), { class: "pl-quiet" }) : null));
    const leaveOut = button("leaveOut", () => again(clashes.map((fault) => fault.value)), { class: "primary", disabled: !clashes.length });
    const box = dialog("rebase", [h("p", { t: "rebaseSays" }), h("ul", { class: "pl-plain" }, rows.length ? rows : h("li", {}, error.message))], [button("cancel", () => box.done()), leaveOut]);
    box.classList.add("aside");
    const again = async (drop) => {
      try {
        await api.rebase(state.revision, drop);
        window.location.reload();
      } catch (second) {
        box.querySelector("ul").replaceChildren(h("li", { class: "pl-bad" }, second.reason || second.message));
      }
    };
  }
}
