/*
 * What happens, as the server tells it. The line is opened again after the last event seen, so none is missed.
 *
 * A browser opens a broken stream again by itself, but gives up when the server answers with an error, as it does
 * while it starts; then we do it.
 */

const AGAIN_MS = [1000, 2000, 4000, 8000];
const TOPICS = ["incident.*", "incidents.*", "dispatch.*", "escalation.*", "edition.published"];
const NAMES = ["incident.reported", "incident.moved", "incidents.imported", "dispatch.sent", "dispatch.accepted", "dispatch.arrived", "dispatch.ended", ...["issued", "called", "acknowledged", "arrived", "answered", "lifted"].map((what) => `escalation.${what}`), "edition.published"];

export class Stream {
  /** `heard(topic, payload)` for each event, `lost()` when older ones are gone, `changed(isUp)` of the line. */
  constructor({ heard, lost, changed }) {
    Object.assign(this, { heard, lost, changed });
    this.last = null;
    this.isUp = false;
    this.downSince = Date.now();
    this.tries = 0;
    this.everUp = false;
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    const address = new URL("/v1/events", window.location.href);
    for (const topic of TOPICS) address.searchParams.append("topic", topic);
    if (this.last !== null) address.searchParams.set("after", this.last);
    const source = (this.source = new EventSource(address));
    source.addEventListener("open", () => {
      this.tries = 0;
      this.set(true);
    });
    source.addEventListener("error", () => {
      this.set(false);
      if (source.readyState === EventSource.CLOSED) this.later();
    });
    source.addEventListener("reset", (event) => {
      this.last = event.lastEventId || this.last;
      this.lost();
    });
    for (const name of NAMES) source.addEventListener(name, (event) => this.take(name, event));
  }

  take(topic, event) {
    this.last = event.lastEventId || this.last;
    this.heard(topic, JSON.parse(event.data));
  }

  later() {
    const wait = AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)];
    this.tries += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), wait);
  }

  set(isUp) {
    if (isUp === this.isUp) return;
    this.isUp = isUp;
    if (!isUp) this.downSince = Date.now();
    this.changed(isUp);
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
  }
}
