/* The week as a file, and shifts from one. */

import * as api from "./api.js";
import { button, dialog, h, roleWords, say, toast } from "./dom.js";
import { clockOf, dayOf } from "./time.js";

const KINDS = ".csv,.xlsx,text/csv,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/** A field of CSV; what a spreadsheet would take for a formula is made a text. */
const quoted = (value) => {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Write the shifts of the week that is shown, of everybody whom the choice above leaves, into a file. */
export async function takeOut(state, query) {
  try {
    const people = [];
    let after;
    do {
      const page = await api.week({ ...query, after });
      people.push(...page.people);
      after = page.next;
    } while (after);
    const moment = (one) => `${dayOf(one)} ${clockOf(one)}`;
    const rows = people.flatMap((person) => person.shifts.map((one) => [
      person.code, person.name, roleWords(person.role), moment(one.start), moment(one.end), one.post ? one.post.name : "", say(one.from),
    ]));
    const head = ["code", "name", "role", "dutyStart", "dutyEnd", "post", "kind"].map((key) => say(key));
    const text = [head, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n");
    // with a mark of its encoding Excel reads Chinese
    const address = URL.createObjectURL(new Blob(["\ufeff", text, "\r\n"], { type: "text/csv" }));
    h("a", { href: address, download: `roster-${state.monday}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  } catch (error) {
    toast(error.reason || error.message, true);
  }
}

/** Let a file be chosen, say what is in it, and write it when that is agreed to. */
export function bringIn(state, done) {
  const choose = h("input", { type: "file", accept: KINDS, class: "ro-file" });
  choose.addEventListener("change", async () => {
    const file = choose.files[0];
    if (!file) return;
    try {
      const found = await api.importShifts(file, state.zone, false);
      confirm(found, async (box) => {
        await api.importShifts(file, state.zone, true);
        box.close();
        toast(say("saved"));
        done();
      });
    } catch (error) {
      const box = dialog(say("bringIn"), h("p", { class: "ro-bad", role: "alert" }, error.reason || error.message));
      box.querySelector(".ro-close").focus();
    }
  });
  choose.click();
}

function confirm(found, write) {
  const counts = Object.entries(found).filter(([, count]) => typeof count === "number");
  const lines = counts.map(([name, count]) => h("li", {}, `${say(`count_${name}`)} ${count}`));
  const notes = (found.notes || []).map((note) => h("li", {}, note));
  const problem = h("p", { class: "ro-bad", role: "alert", hidden: true });
  const act = button(say("writeIt"), async () => {
    act.disabled = true;
    try {
      await write(box);
    } catch (error) {
      problem.textContent = error.reason || error.message;
      problem.hidden = false;
      act.disabled = false;
    }
  }, { class: "primary" });
  const box = dialog(say("bringIn"), h("p", {}, say("checked")), h("ul", { class: "ro-found" }, [...lines, ...notes]), problem, h("div", { class: "ro-acts" }, act, button(say("cancel"), () => box.close())));
  act.focus();
}
