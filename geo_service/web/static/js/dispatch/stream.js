/*
 * What happens, as the server tells it. The line is opened again after the last event seen, so none is missed.
 *
 * A browser opens a broken stream again by itself, but gives up when the server answers with an error, as it does
 * while it starts; then we do it. It also holds a line for alive on which nothing comes any more: the server gives a
 * sign of life every few seconds, and when none comes the line is given up.
 */

const QUIET_MS = 9000; // the server is never silent for more than half of it
const AGAIN_MS = [1000, 2000, 4000, 8000];
const TOPICS = ["alive", "incident.*", "incidents.*", "dispatch.*", "escalation.*", "edition.published"];
const NAMES = ["incident.reported", "incident.moved", "incidents.imported", "dispatch.sent", "dispatch.accepted", "dispatch.arrived", "dispatch.ended", ...["issued", "called", "acknowledged", "arrived", "answered", "lifted"].map((what) => `escalation.${what}`), "edition.published"];

export class Stream {
  /** `heard(topic, payload)` for each event, `lost()` when older ones are gone, `changed(isUp)` of the line. */
  constructor({ heard, lost, changed }) {
    Object.assign(this, { heard, lost, changed });
    this.last = null;
    this.isUp = false;
    this.downSince = Date.now();
    this.tries = 0;
    this.heardAt = Date.now();
    window.addEventListener("offline", () => this.lose());
    window.addEventListener("online", () => this.open());
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    this.isClosed = false;
    this.heardAt = Date.now();
    const address = new URL("/v1/events", window.location.href);
    for (const topic of TOPICS) address.searchParams.append("topic", topic);
    if (this.last !== null) address.searchParams.set("after", this.last);
    const source = (this.source = new EventSource(address));
    source.addEventListener("open", () => {
      this.tries = 0;
      this.heardAt = Date.now();
      this.set(true);
    });
    source.addEventListener("alive", (event) => this.mark(event));
    source.addEventListener("error", () => {
      this.set(false);
      if (source.readyState === EventSource.CLOSED) this.later();
    });
    source.addEventListener("reset", (event) => {
      this.mark(event);
      this.lost();
    });
    for (const name of NAMES) source.addEventListener(name, (event) => this.take(name, event));
  }

  take(topic, event) {
    this.mark(event);
    this.heard(topic, JSON.parse(event.data));
  }

  /** Something has come: that far we have heard, and the line is alive. */
  mark(event) {
    this.last = event.lastEventId || this.last;
    this.heardAt = Date.now();
  }

  /** Give up a line on which nothing has come for too long, also one that is still being opened. */
  check() {
    if (!this.isClosed && Date.now() - this.heardAt > QUIET_MS) this.lose();
  }

  lose() {
    this.source?.close();
    this.set(false);
    this.heardAt = Date.now();
    this.later();
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
    if (!isUp) this.downSince = this.heardAt; // what came later is not on the screen
    this.changed(isUp);
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.source?.close();
  }
}
