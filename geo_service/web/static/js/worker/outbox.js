/*
 * What waits to be sent. It lies in the browser's database, so it outlives a dead line and a closed page; each thing
 * goes out in its turn and with the key it was given at first, so that it takes effect once however often it is sent.
 */

import { call, newKey } from "../kit/http.js";

const AGAIN_MS = [2000, 4000, 8000, 15000, 30000];
const STORE = "outbox";

function open() {
  return new Promise((resolve, reject) => {
    const asked = window.indexedDB.open("geo_service.worker", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "number", autoIncrement: true });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

const settled = (asked) => new Promise((resolve, reject) => {
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

export class Outbox {
  /** `who` is signed in: only his things are sent. `changed(items)` is told of every change, `sent(item, answer)`. */
  constructor(who, { changed, sent }) {
    Object.assign(this, { who, changed, sent });
    this.items = [];
    this.taken = []; // sent, but perhaps not yet in what the page has read
    this.tries = 0;
    this.nextAt = null;
    window.addEventListener("online", () => this.send());
  }

  async begin() {
    this.database = await open();
    const all = await settled(this.database.transaction(STORE).objectStore(STORE).getAll());
    this.items = all.filter((item) => item.who === this.who);
    this.changed(this.items);
    this.send();
  }

  /** Put something in: {path, body or file, label, about}. It is safely kept when the promise is fulfilled. */
  async put(item) {
    const kept = { key: newKey(), who: this.who, at: Date.now(), problem: "", ...item };
    kept.number = await settled(this.database.transaction(STORE, "readwrite").objectStore(STORE).add(kept));
    this.items.push(kept);
    this.changed(this.items);
    this.send();
    return kept;
  }

  async remove(item) {
    await settled(this.database.transaction(STORE, "readwrite").objectStore(STORE).delete(item.number));
    this.items = this.items.filter((one) => one !== item);
    this.changed(this.items);
  }

  /** Send what waits, one after another; where the line is dead, again later. */
  async send() {
    if (this.sending || !this.database) return;
    clearTimeout(this.timer);
    this.sending = true;
    this.nextAt = null;
    try {
      for (let item = this.next(); item; item = this.next()) {
        try {
          const answer = await call("POST", item.path, item.file ? undefined : item.body, { key: item.key, file: item.file });
          this.tries = 0;
          this.taken.push({ ...item, file: undefined, takenAt: Date.now() });
          await this.remove(item);
          this.sent(item, answer);
        } catch (error) {
          if (error.isPassing || error.status === 401) return this.later(error.status === 401);
          // refused for good: it is shown with the reason until somebody has read it, and holds nothing up
          item.problem = error.reason || error.message;
          await settled(this.database.transaction(STORE, "readwrite").objectStore(STORE).put(item));
          this.changed(this.items);
          this.sent(item, null);
        }
      }
    } finally {
      this.sending = false;
    }
    return undefined;
  }

  next() {
    return this.items.find((item) => !item.problem);
  }

  later(isSignedOut) {
    const wait = AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)];
    this.tries += 1;
    this.isSignedOut = isSignedOut;
    this.nextAt = Date.now() + wait;
    this.timer = setTimeout(() => this.send(), wait);
    this.changed(this.items);
  }

  /** What waits, or was refused, about a dispatch. */
  about(id) {
    return this.items.filter((item) => item.about === id && !item.problem);
  }

  /** What has been done about a dispatch as far as this phone knows: taken lately by the server, or waiting to be sent. */
  steps(id) {
    return [...this.taken.filter((item) => item.about === id), ...this.about(id)];
  }

  /** What was read from the server at this moment holds what it had taken before. */
  isRead(askedAt) {
    this.taken = this.taken.filter((item) => item.takenAt > askedAt);
  }

  get waiting() {
    return this.items.filter((item) => !item.problem);
  }

  get refused() {
    return this.items.filter((item) => item.problem);
  }
}
