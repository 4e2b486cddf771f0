/* Dialogs for what the desk does to an incident. */

import { dialog, field, h, select } from "../kit/dom.js";
import { newKey, post } from "../kit/http.js";
import { either, say, sayCode } from "../kit/i18n.js";

export const URGENCIES = ["critical", "urgent", "normal", "low"];
const REPLY_CHANNELS = ["call", "hotline", "worker", "web", "message"];

/** A move that must say why. */
export function moveDialog(panel, { move, zh, en }) {
  const reason = h("textarea", { rows: 3, maxLength: 1000, required: true });
  const { revision } = panel.incident.standing;
  const key = newKey();
  dialog(either(zh, en), field("reason", reason), {
    danger: move === "void",
    accept: () => panel.act(() => post(`/v1/incidents/${panel.id}/moves`, { move, reason: reason.value.trim(), revision }, { key }), { strict: true }),
  });
}

/** What the reporter is told; proposals are a start, the words are the dispatcher's. */
export function replyDialog(panel) {
  const lead = panel.dispatches.find((one) => !one.ended_at && one.lead);
  const proposals = [
    lead && !lead.arrived_at && say("replyOnTheWay", { name: lead.name }),
    lead?.arrived_at && say("replyThere", { name: lead.name }),
    ["handled", "closed"].includes(panel.incident.standing.status) && say("replyDone"),
    !lead && say("replyTaken"),
  ].filter(Boolean);
  const words = h("textarea", { rows: 4, maxLength: 1000, required: true });
  const known = REPLY_CHANNELS.includes(panel.incident.channel) ? panel.incident.channel : "call";
  const channel = select(REPLY_CHANNELS.map((one) => [one, sayCode("channel", one)]), known);
  const key = newKey();
  dialog(
    say("reply"),
    [
      field("replyWords", words),
      h("div", { class: "ds-row" }, proposals.map((text) => h("button", { type: "button", class: "quiet", on: { click: () => { words.value = text; words.focus(); } } }, text))),
      field("channel", channel),
    ],
    { accept: () => panel.act(() => post(`/v1/incidents/${panel.id}/reply`, { words: words.value.trim(), channel: channel.value }, { key }), { strict: true }) },
  );
}

/** Category, urgency, floor, address, said anew. */
export function correctDialog(panel) {
  const { incident, catalogue } = panel;
  const category = select([...(catalogue.has(incident.category) ? [] : [[incident.category, incident.category || "—"]]), ...catalogue.choices()], incident.category);
  const urgency = select(URGENCIES.map((one) => [one, sayCode("urgency", one)]), incident.urgency);
  const address = h("input", { type: "text", value: incident.address || "", maxLength: 200 });
  const floor = h("input", { type: "number", min: "-20", max: "200", value: incident.floor === null ? "" : String(incident.floor) });
  const key = newKey();
  dialog(say("correctTitle"), [field("category", category), field("urgency", urgency), field("addressWords", address), field("floor", floor)], {
    accept: () => {
      const said = {
        category: category.value,
        urgency: urgency.value,
        address: address.value.trim(),
        floor: floor.value === "" ? null : Number(floor.value),
      };
      const changed = Object.fromEntries(Object.entries(said).filter(([name, value]) => value !== incident[name]));
      if (!Object.keys(changed).length) return true;
      return panel.act(() => post(`/v1/incidents/${panel.id}/corrections`, { ...changed, revision: incident.standing.revision }, { key }), { strict: true });
    },
  });
}
