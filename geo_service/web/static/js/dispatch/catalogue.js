/* The town's categories, by code. */

import { either } from "../kit/i18n.js";

export class Catalogue {
  constructor(categories, zone) {
    this.zone = zone;
    this.byCode = new Map(categories.map((one) => [one.code, one]));
    this.parents = new Set(categories.map((one) => one.parent_code).filter(Boolean));
  }

  has(code) {
    return this.byCode.has(code);
  }

  get(code) {
    return this.byCode.get(code);
  }

  nameOf(code) {
    const found = this.byCode.get(code);
    return found ? either(found.name_zh, found.name_en) : code || "—";
  }

  /** Choices for a list, each under the name of what stands above it. */
  choices() {
    return [...this.byCode.values()]
      .filter((one) => !this.parents.has(one.code))
      .map((one) => [one.code, one.parent_code ? `${this.nameOf(one.parent_code)} › ${this.nameOf(one.code)}` : this.nameOf(one.code)])
      .sort((a, b) => a[1].localeCompare(b[1], "zh-CN"));
  }
}
