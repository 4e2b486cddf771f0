/* What the reader of a served map may change: moment, mode, limit, span, … The page is asked for anew with it. */
"use strict";

(function (GS) {
  function go(code, value) {
    const address = new URL(window.location.href);
    if (value) address.searchParams.set(code, value);
    else address.searchParams.delete(code);
    window.location.assign(address.href);
  }

  /** Moment with the offset that the town's clock has: what the field shows is its wall clock. */
  function moment({ value }) {
    const field = GS.element("input", "");
    field.type = "datetime-local";
    field.value = value.slice(0, 16);
    const offset = value.slice(16).replace(/^:\d\d/, "");
    field.addEventListener("change", () => { if (field.value) go("at", `${field.value}${offset}`); });
    return field;
  }

  function select({ code, value, options }) {
    const field = GS.element("select", "");
    const english = GS.lang() === "en";
    for (const option of options) {
      const entry = GS.element("option", "", english ? option.label.en || option.label.zh : option.label.zh);
      entry.value = option.value;
      entry.selected = option.value === value;
      field.append(entry);
    }
    field.addEventListener("change", () => go(code, field.value));
    return field;
  }

  GS.choices = function (map, config) {
    const Choices = L.Control.extend({
      options: { position: "topleft" },
      onAdd() {
        const box = GS.element("section", "gs-choose");
        box.setAttribute("aria-label", "选项 Options");
        const body = GS.element("div", "gs-choose-body");
        const fill = () => body.replaceChildren(...config.choices.map((choice) => GS.element("label", "", GS.label(choice.label), choice.options.length ? select(choice) : moment(choice))), save());
        const save = () => {
          const link = GS.element("a", "gs-save", GS.words("存为单个文件", "Save as one file"));
          link.href = config.file;
          link.setAttribute("download", "");
          return link;
        };
        fill();
        document.addEventListener("geo-service:lang", fill);
        box.append(GS.foldButton(box, "choices"), GS.element("h2", "", GS.words("选项", "Options")), body);
        L.DomEvent.disableClickPropagation(box).disableScrollPropagation(box);
        return box;
      },
    });
    new Choices().addTo(map);
  };
})(window.GeoService);
