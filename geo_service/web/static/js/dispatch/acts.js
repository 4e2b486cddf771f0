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

/** Fields for what the reporter is told; proposals are a start, the words are the dispatcher's. */
function replyFields(panel) {
  const lead = panel.dispatches.find((one) => !one.ended_at && one.lead);
  const proposals = [
    lead && !lead.arrived_at && say("replyOnTheWay", { name: lead.name }),
    lead?.arrived_at && say("replyThere", { name: lead.name }),
    ["handled", "closed"].includes(panel.incident.standing.status) && say("replyDone"),
    !lead && !["handled", "closed"].includes(panel.incident.standing.status) && say("replyTaken"),
  ].filter(Boolean);
  const words = h("textarea", { rows: 4, maxLength: 1000, required: true });
  const known = REPLY_CHANNELS.includes(panel.incident.channel) ? panel.incident.channel : "call";
  const channel = select(REPLY_CHANNELS.map((one) => [one, sayCode("channel", one)]), known);
  const key = newKey();
  return {
    content: [
      field("replyWords", words),
      h("div", { class: "ds-row" }, proposals.map((text) => h("button", { type: "button", class: "quiet", on: { click: () => { words.value = text; words.focus(); } } }, text))),
      field("replyChannel", channel),
    ],
    send: () => post(`/v1/incidents/${panel.id}/reply`, { words: words.value.trim(), channel: channel.value }, { key }),
  };
}

export function replyDialog(panel) {
  const { content, send } = replyFields(panel);
  dialog(say("reply"), content, { accept: () => panel.act(send, { strict: true }) });
}

/** To close what nobody has told the reporter of: tell him and close, or close all the same. */
export function closeDialog(panel) {
  const { content, send } = replyFields(panel);
  const root = `/v1/incidents/${panel.id}/moves`;
  const key = newKey();
  const { revision } = panel.incident.standing;
  let isReplied = false;
  const replyAndClose = async () => {
    if (!isReplied) await send();
    isReplied = true; // if only closing is refused, he is not told twice
    return post(root, { move: "close", reason: "" }, { key });
  };
  const only = h("button", { type: "button", class: "ds-close-only", t: "closeOnly", on: { click: () => (box.close(), panel.act(() => post(root, { move: "close", reason: "", revision }, { key: newKey() }))) } });
  const box = dialog(say("closeTitle"), [h("p", { class: "ds-warn" }, say("notRepliedYet")), content, h("div", { class: "ds-row" }, only)], {
    acceptName: "replyAndClose",
    accept: () => panel.act(replyAndClose, { strict: true }),
  });
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
