/* Taking down a report: what, where, how urgent. Sent once, however often the button is pressed. */

import { serverNow } from "../kit/clock.js";
import { button, field, h, select } from "../kit/dom.js";
import { newKey, post } from "../kit/http.js";
import { onLanguage, say, sayCode } from "../kit/i18n.js";
import { URGENCIES } from "./acts.js";
import { PlacePicker } from "./place.js";

const CHANNELS = ["call", "hotline", "worker", "web", "sensor"];

export class ReportPanel {
  /** `taken(id)` is told of the new incident, `closed()` when the form goes away. */
  constructor(map, catalogue, { taken, closed }) {
    Object.assign(this, { map, catalogue, taken, closed });
    this.element = h("section", { class: "ds-report", hidden: true });
    onLanguage(() => this.isOpen && this.build(this.values()));
  }

  get isOpen() {
    return !this.element.hidden;
  }

  open(place) {
    if (!this.isOpen) {
      this.key = newKey();
      this.build({});
      this.element.hidden = false;
    }
    if (place) this.picker.click(place);
    this.category.focus();
  }

  build(values) {
    const { catalogue } = this;
    this.picker ||= null;
    const place = this.picker?.place;
    this.picker = new PlacePicker(this.map, { changed: (chosen) => this.proposeAddress(chosen) });
    this.category = select([["", say("chooseCategory")], ...catalogue.choices()], values.category || "", { required: true });
    this.urgency = select([["", say("urgencyUsual")], ...URGENCIES.map((one) => [one, sayCode("urgency", one)])], values.urgency || "");
    this.channel = select(CHANNELS.map((one) => [one, sayCode("channel", one)]), values.channel || "call");
    this.floor = h("input", { type: "number", min: "-20", max: "200", value: values.floor || "" });
    this.words = h("input", { type: "text", maxLength: 200, tHolder: "addressWordsHolder", value: values.words || "" });
    this.problem = h("p", { class: "gs-problem", role: "alert", hidden: true });
    this.submit = h("button", { type: "submit", class: "primary", t: "takeIn" });
    const form = h(
      "form",
      { on: { submit: (event) => (event.preventDefault(), this.send()), keydown: (event) => event.key === "Escape" && !event.defaultPrevented && this.close() } },
      h("header", {}, h("h2", { t: "newReport" }), h("button", { type: "button", class: "quiet", t: "dismiss", on: { click: () => this.close() } })),
      h("div", { class: "ds-report-body" }, field("category", this.category), h("div", { class: "ds-pairs" }, field("urgency", this.urgency), field("channel", this.channel), field("floor", this.floor)), this.picker.element, field("addressWords", this.words), this.problem),
      h("footer", {}, this.submit, button("withoutPlace", () => this.picker.clear(), { class: "quiet" })),
    );
    this.element.replaceChildren(form);
    if (place) this.picker.set(place);
  }

  values() {
    return { category: this.category.value, urgency: this.urgency.value, channel: this.channel.value, floor: this.floor.value, words: this.words.value };
  }

  proposeAddress(place) {
    if (place?.address && !this.words.value) this.words.value = place.address;
  }

  async send() {
    if (this.submit.disabled) return;
    this.problem.hidden = true;
    this.submit.disabled = true;
    const said = {
      ...this.picker.given,
      source_id: this.key,
      occurred_at: new Date(serverNow()).toISOString(),
      category: this.category.value,
      channel: this.channel.value,
      address: this.words.value.trim(),
      ...(this.urgency.value ? { urgency: this.urgency.value } : {}),
      ...(this.floor.value ? { floor: Number(this.floor.value) } : {}),
    };
    try {
      const answer = await post("/v1/incidents", said);
      this.close();
      this.taken(answer.id);
    } catch (error) {
      this.problem.textContent = error.reason || error.message;
      this.problem.hidden = false;
    } finally {
      this.submit.disabled = false;
    }
  }

  close() {
    if (!this.isOpen) return;
    this.picker.clear();
    this.element.hidden = true;
    this.closed();
  }
}
