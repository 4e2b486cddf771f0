/* What the parts of the page share: the plan, what is selected, which tool is in hand. Whoever changes it says so. */

/** Key of a cell in maps and sets. */
export const keyOf = (level, code) => `${level}/${code}`;

/** Level and code of a key, as the server wants a cell. */
export const cellOf = (key) => {
  const at = key.indexOf("/");
  return [key.slice(0, at), key.slice(at + 1)];
};

/** Shared state with news: `on("selection", listener)`, `tell("selection")`. */
export class State {
  constructor(plan, me = { name: "", mayEdit: false }) {
    this.plan = plan;
    this.me = me; // who is signed in
    this.revision = plan.revision;
    this.levels = [...plan.levels].sort((a, b) => a.depth - b.depth);
    this.level = "auto"; // level to work on, or "auto": what the zoom shows
    this.shown = null; // level that is drawn now
    this.figure = "households";
    this.figures = ["households"]; // those that the server gives
    this.selected = new Map(); // key → feature
    this.locked = new Set(); // keys
    this.tool = "select";
    this.findings = [];
    this.last = null; // answer to the change made last
    this.listeners = new Map();
  }

  on(news, listener) {
    if (!this.listeners.has(news)) this.listeners.set(news, []);
    this.listeners.get(news).push(listener);
  }

  tell(news, detail) {
    for (const listener of this.listeners.get(news) || []) listener(detail);
  }

  levelOf(code) {
    return this.levels.find((level) => level.code === code);
  }

  get leafLevel() {
    return this.levels.find((level) => level.is_leaf_level) || this.levels[this.levels.length - 1];
  }

  /** Whether the plan can still be changed, by somebody. */
  get isOpen() {
    return this.plan.status === "open";
  }

  /** Whether who is signed in can change it now. */
  get canEdit() {
    return this.isOpen && this.me.mayEdit;
  }

  /** Why it cannot be changed: the name of the words. */
  get whyNot() {
    return this.isOpen ? "readOnly" : "planClosed";
  }

  /** Select these features, in place of the others or besides them. */
  select(features, { more = false, toggle = false } = {}) {
    if (!more) this.selected.clear();
    for (const feature of features) {
      const key = feature.getId();
      if (this.locked.has(key)) continue;
      if (toggle && this.selected.has(key)) this.selected.delete(key);
      else this.selected.set(key, feature);
    }
    this.tell("selection");
  }

  /** Cells selected, as the server wants them. */
  get selection() {
    return [...this.selected.keys()].map(cellOf);
  }

  /** Lock what is selected, or unlock everything if nothing is. */
  toggleLocks() {
    if (this.selected.size) for (const key of this.selected.keys()) this.locked.add(key);
    else this.locked.clear();
    this.selected.clear();
    this.tell("selection");
    this.tell("locks");
  }
}
