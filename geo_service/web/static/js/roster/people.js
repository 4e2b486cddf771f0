/* A field in which somebody is chosen by name or code, out of those the server knows. */

import * as api from "./api.js";
import { h, roleWords, say } from "./dom.js";

let number = 0;

/**
 * The field, and `chosen()`: the code of who was chosen, null for nobody where that is allowed, undefined when the
 * text names nobody.
 */
export function pickPerson({ optional, not }) {
  number += 1;
  const list = h("datalist", { id: `ro-people-${number}` });
  const input = h("input", { type: "text", list: list.id, autocomplete: "off", placeholder: optional ? say("noSubstitute") : say("search") });
  const known = new Map();
  let asked = 0;
  const offer = async () => {
    const mine = ++asked;
    const found = await api.people(input.value.trim());
    if (mine !== asked) return;
    list.replaceChildren(...found.filter((one) => one.code !== not).map((one) => {
      const words = `${one.name} ${roleWords(one.role)} ${one.code}`;
      known.set(words, one.code);
      known.set(one.code, one.code);
      return h("option", { value: words });
    }));
  };
  input.addEventListener("input", offer);
  input.addEventListener("focus", offer, { once: true });
  return {
    node: h("span", { class: "ro-pick" }, input, list),
    async chosen() {
      const text = input.value.trim();
      if (!text) return optional ? null : undefined;
      if (known.has(text)) return known.get(text);
      const found = (await api.people(text)).filter((one) => one.code !== not);
      return found.length === 1 ? found[0].code : undefined;
    },
  };
}
