/* The list of plans, and a new one. */

import { dropPlan, listPlans, openPlan, whoAmI } from "./api.js";
import { button, dialog, fill, h, sure } from "./dom.js";
import { editionList } from "./editions.js";
import { moment, onLanguage, say } from "./i18n.js";

const ORDER = { open: 0, published: 1, dropped: 2 };
let plans = [];
let mayEdit = false;

function row(plan) {
  return h(
    "li",
    { class: plan.status },
    h("a", { href: `/planner/${plan.id}` }, h("b", {}, plan.name), plan.note ? h("span", { class: "pl-soft" }, plan.note) : null),
    h("span", { class: "pl-badge", t: plan.status }),
    plan.status === "open" && mayEdit ? button("drop", () => giveUp(plan), { class: "pl-quiet" }) : null,
    h("small", {}, `${say("revision", { number: plan.revision })} · ${plan.created_by} · ${moment(plan.created_at)}`),
  );
}

function show(list) {
  const sorted = [...plans].sort((a, b) => (ORDER[a.status] ?? 3) - (ORDER[b.status] ?? 3) || b.id - a.id);
  fill(list, sorted.length ? sorted.map(row) : h("li", { class: "pl-empty", t: "noPlans" }));
}

async function giveUp(plan) {
  if (!(await sure("drop", h("p", {}, say("dropSays", { name: plan.name }))))) return;
  try {
    Object.assign(plan, await dropPlan(plan.id, plan.revision));
    show(document.querySelector(".pl-plans"));
  } catch (error) {
    dialog("drop", h("p", { class: "pl-bad" }, error.reason || error.message), []);
  }
}

function newPlan() {
  const name = h("input", { type: "text", maxLength: 200, required: true });
  const note = h("textarea", { rows: 3, maxLength: 2000 });
  const problem = h("p", { class: "pl-bad", role: "alert", hidden: true });
  const create = async () => {
    if (!name.value.trim()) return name.focus();
    try {
      const plan = await openPlan(name.value.trim(), note.value.trim());
      window.location.assign(`/planner/${plan.id}`);
    } catch (error) {
      problem.textContent = error.reason || error.message;
      problem.hidden = false;
    }
    return undefined;
  };
  const form = h("form", { class: "pl-form", on: { submit: (event) => (event.preventDefault(), create()) } }, h("label", { class: "wide" }, h("span", { t: "planName" }), name), h("label", { class: "wide" }, h("span", { t: "note" }), note), problem);
  const box = dialog("newPlan", form, [button("cancel", () => box.done()), button("createPlan", create, { class: "primary" })]);
  name.focus();
}

async function start(root) {
  const list = h("ul", { class: "pl-plans" }, h("li", { class: "pl-empty", t: "loading" }));
  const add = button("newPlan", newPlan, { class: "primary", hidden: true });
  const editions = editionList();
  fill(root, h("div", { class: "pl-plans-head" }, h("h1", { t: "plans" }), add), h("p", { class: "pl-soft", t: "plansSay" }), list, editions.element, h("div", { class: "pl-notices" }));
  onLanguage(() => show(list));
  try {
    const [answer, me] = await Promise.all([listPlans(), whoAmI()]);
    mayEdit = me.mayEdit;
    add.hidden = !mayEdit;
    plans = Array.isArray(answer) ? answer : answer.plans || answer.items;
    show(list);
    await editions.show(mayEdit);
  } catch (error) {
    fill(list, h("li", { class: "pl-bad", role: "alert" }, error.reason || error.message));
  }
}

start(document.getElementById("plans"));
