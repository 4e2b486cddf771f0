/* Say where something is, in four ways: a click on the map, an address, coordinates in any datum, or a cell. */

import { field, fill, h, select } from "../kit/dom.js";
import { get, query } from "../kit/http.js";
import { say, sayCode } from "../kit/i18n.js";

const DATUMS = [["WGS84", "WGS84 · GPS"], ["GCJ02", "GCJ-02 · 高德"], ["BD09", "BD-09 · 百度"], ["CGCS2000", "CGCS2000 · 天地图"]];
const TYPING_MS = 250;

/** Two numbers out of what was typed or pasted; null where there are not two. */
export function readPair(text) {
  const found = text.replace(/[，、;；]/g, ",").match(/-?\d+(?:\.\d+)?/g);
  if (!found || found.length !== 2) return null;
  const [a, b] = found.map(Number);
  // a latitude of China never exceeds 60: swapped ones are turned round
  return Math.abs(a) <= 60 && Math.abs(b) > 60 && Math.abs(b) <= 180 ? [b, a] : [a, b];
}

export class PlacePicker {
  /** `map` shows what is chosen; `changed(place)` is told of each choice. */
  constructor(map, { changed = () => {}, optional = true } = {}) {
    this.map = map;
    this.changed = changed;
    this.place = null; // as the server takes it, with `shown`: where the pin stands
    this.search = h("input", { type: "search", autocomplete: "off", tHolder: "addressHolder", role: "combobox", "aria-expanded": "false", "aria-controls": "ds-addresses", maxLength: 100 });
    this.found = h("ul", { class: "ds-addresses", id: "ds-addresses", role: "listbox", hidden: true });
    this.pair = h("input", { type: "text", autocomplete: "off", inputMode: "text", tHolder: "pairHolder", class: "ds-pair" });
    this.datum = select(DATUMS, "WGS84", { tTitle: "datum" });
    this.said = h("div", { class: "ds-place-said", role: "status" });
    this.element = h(
      "fieldset",
      { class: "ds-place" },
      h("legend", { t: "where" }),
      h("p", { class: "ds-hint", t: optional ? "whereSays" : "whereSaysAgain" }),
      field("address", h("span", { class: "ds-search" }, this.search, this.found)),
      field("coordinates", h("span", { class: "ds-pair-line" }, this.pair, this.datum)),
      this.said,
    );
    this.search.addEventListener("input", () => this.typing());
    this.search.addEventListener("keydown", (event) => this.press(event));
    this.pair.addEventListener("input", () => this.readTyped());
    this.datum.addEventListener("change", () => this.readTyped());
  }

  // --------------------------------------------------------------------------------------------- address

  typing() {
    clearTimeout(this.timer);
    const text = this.search.value.trim();
    if (text.length < 2) {
      this.list([]);
      return;
    }
    this.timer = setTimeout(() => this.find(text), TYPING_MS);
  }

  async find(text) {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    try {
      const [lon, lat] = this.map.middle();
      const { addresses } = await get(`/v1/addresses${query({ q: text, lon: lon.toFixed(6), lat: lat.toFixed(6), limit: 8 })}`, { signal: asking.signal });
      this.list(addresses);
    } catch (error) {
      if (!asking.signal.aborted) this.list([], error.reason);
    }
  }

  list(addresses, problem = "") {
    this.hits = addresses;
    this.at = -1;
    const isOpen = addresses.length > 0 || problem !== "" || this.search.value.trim().length > 1;
    this.found.hidden = !isOpen || !this.search.value.trim();
    this.search.setAttribute("aria-expanded", String(!this.found.hidden));
    fill(this.found, addresses.length
      ? addresses.map((one, i) => h("li", { role: "option", id: `ds-address-${i}`, on: { mousedown: (event) => (event.preventDefault(), this.take(one)) } }, one.address))
      : h("li", { class: "none" }, problem || say("noAddress")));
  }

  press(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.hits?.length) {
      this.at = (this.at + step + this.hits.length) % this.hits.length;
      [...this.found.children].forEach((one, i) => one.setAttribute("aria-selected", String(i === this.at)));
      this.search.setAttribute("aria-activedescendant", `ds-address-${this.at}`);
    } else if (event.key === "Enter") {
      if (!this.hits?.length) return;
      this.take(this.hits[Math.max(this.at, 0)]);
    } else if (event.key === "Escape" && !this.found.hidden) {
      this.list([]);
      this.found.hidden = true;
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }

  take(one) {
    this.search.value = one.address;
    this.found.hidden = true;
    this.search.setAttribute("aria-expanded", "false");
    this.pair.value = "";
    const shown = { lon: one.lon, lat: one.lat, crs: "WGS84" };
    // premises are no building: a point of their ground stands for them
    this.set(one.building === null ? { ...shown, address: one.address, shown } : { building: String(one.building), address: one.address, shown });
  }

  // ----------------------------------------------------------------------------------------- coordinates

  readTyped() {
    const pair = readPair(this.pair.value);
    if (!pair) {
      if (this.place?.typed) this.set(null);
      this.pair.setAttribute("aria-invalid", String(this.pair.value.trim() !== ""));
      return;
    }
    this.pair.setAttribute("aria-invalid", "false");
    const [lon, lat] = pair;
    this.search.value = "";
    this.set({ lon, lat, crs: this.datum.value, typed: true, shown: { lon, lat, crs: this.datum.value } });
  }

  /** A click on the map. */
  click({ lon, lat }) {
    this.search.value = "";
    this.datum.value = "WGS84";
    this.pair.value = `${lon.toFixed(6)}, ${lat.toFixed(6)}`;
    this.pair.setAttribute("aria-invalid", "false");
    this.set({ lon: Number(lon.toFixed(7)), lat: Number(lat.toFixed(7)), crs: "WGS84", shown: { lon, lat, crs: "WGS84" } });
  }

  set(place) {
    this.place = place;
    this.changed(place);
    this.say(place);
  }

  /** What lies there, by the server: the cell, who answers, whether a line is near. */
  async say(place) {
    const turn = (this.turn = (this.turn || 0) + 1);
    if (!place) {
      fill(this.said);
      this.map.drop(null);
      return;
    }
    const { lon, lat, crs } = place.shown;
    try {
      const found = await get(`/v1/locate${query({ lon, lat, crs, detail: true, accuracy_m: 10 })}`);
      if (turn !== this.turn) return;
      const at = found.valid_within || (crs === "WGS84" || crs === "CGCS2000" ? { lon, lat } : null);
      this.map.drop(at, at ? h("i", { class: "ds-pin-mark" }) : null);
      if (at) this.map.goTo(at.lon, at.lat, { near: Boolean(place.typed || place.building) });
      fill(this.said, placeWords(found));
    } catch (error) {
      if (turn !== this.turn) return;
      fill(this.said, h("p", { class: "gs-problem" }, error.reason || error.message));
    }
  }

  /** What a report says of the place: nothing where nothing is chosen. */
  get given() {
    const { place } = this;
    if (!place) return {};
    return place.building ? { building: place.building } : { lon: place.lon, lat: place.lat, crs: place.crs };
  }

  clear() {
    this.search.value = this.pair.value = "";
    this.set(null);
  }
}

/** That a place lies near a line, which cell is beyond it, and who answers for that. */
export function nearLineWords({ runner_up_name: name, runner_up_code: code, border_m: border, runner_up_owner: owner }) {
  const people = (owner?.people || []).slice(0, 2).map((one) => `${one.name}（${sayCode("role", one.role)}）`).join("、");
  const metres = Math.round(border ?? 0);
  return say(metres ? "nearLine" : "onLine", { name: name || code, metres, who: people ? say("whoHolds", { who: people }) : "" });
}

/** Cell path, owner, and what is doubtful about a place, as elements. */
export function placeWords(found) {
  const path = found.path.map((cell) => cell.name || cell.code).join(" › ");
  const people = (found.owner?.people || []).map((one) => `${one.name}（${sayCode("role", one.role)}）`).join("、");
  const near = found.runner_up_probability > 0.02 || found.how === "on_edge";
  return [
    h("p", { class: found.cell_code ? "ds-path" : "ds-path none" }, path || say("inNoCell")),
    people && h("p", { class: "ds-soft" }, `${say("owner")}${say("colon")}${people}`),
    near && found.runner_up_code && h("p", { class: "ds-warn" }, nearLineWords(found)),
    found.premises?.length > 0 && h("p", { class: "ds-soft" }, `${say("premises")}${say("colon")}${found.premises.map((one) => `${one.name} · ${one.responsible_unit}`).join("；")}`),
  ];
}
