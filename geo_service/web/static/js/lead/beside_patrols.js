/* What stands beside the map of patrols: fetched while that is looked at, hidden elsewhere. */

import { get } from "../kit/http.js";
import { onLanguage } from "../kit/i18n.js";

/** A panel with `element`; a subclass gives `address()` and `show()`, which draws what was `found`. */
export class BesidePatrols {
  constructor(board, element) {
    this.board = board;
    this.element = element;
    board.on("view", () => this.isShown || this.hide());
    board.on("settled", () => this.renew());
    onLanguage(() => this.found && this.show());
  }

  get isWanted() {
    return this.board.view.reading === "patrol";
  }

  get isShown() {
    return this.isWanted && this.shownFor === this.address();
  }

  hide() {
    this.element.hidden = true;
  }

  async renew() {
    if (!this.isWanted) return;
    const address = this.address();
    try {
      const found = await get(address, { patience: 60000 });
      if (!this.isWanted || address !== this.address()) return;
      Object.assign(this, { found, shownFor: address });
      this.show();
    } catch (error) {
      this.board.tell("problem", error);
    }
  }
}
