/* What every map script uses: where data comes from, words, numbers, elements. Nothing here makes HTML of text. */
"use strict";

window.GeoService = window.GeoService || {};

(function (GS) {
  const cache = new Map();

  /** Data of a source: {url} is fetched (once an address), {embedded} stands in the page. */
  GS.load = function (source, params) {
    if (source.embedded) return Promise.resolve(embedded(source.embedded));
    let url = source.url;
    for (const [name, value] of Object.entries(params || {})) url = url.replace(`{${name}}`, encodeURIComponent(value));
    if (!cache.has(url)) {
      const answer = fetch(url, { credentials: "same-origin" }).then((response) => {
        if (!response.ok) throw new Error(`${response.status} ${response.statusText}: ${url}`);
        return response.json();
      });
      answer.catch(() => cache.delete(url)); // a failure is not remembered
      cache.set(url, answer);
    }
    return cache.get(url);
  };

  function embedded(id) {
    if (!cache.has(id)) cache.set(id, JSON.parse(document.getElementById(id).textContent));
    return cache.get(id);
  }

  /** Element with a class and children; strings become text, never markup. */
  GS.element = function (tag, className, ...children) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    for (const child of children) if (child !== null && child !== undefined) node.append(child);
    return node;
  };

  /** Words in both languages: Chinese, English smaller beside it; which is read is a matter of style (shell.css). */
  GS.label = function (label, className) {
    const box = GS.element("span", className || "gs-label");
    if (!label.en || label.en === label.zh) box.append(label.zh);
    else box.append(spoken("span", "zh-CN", label.zh), " ", spoken("small", "en", label.en));
    return box;
  };

  /** The same from two texts. */
  GS.words = (zh, en) => GS.label({ zh, en });

  function spoken(tag, lang, text) {
    const node = GS.element(tag, "", text);
    node.lang = lang;
    return node;
  }

  /** Button that folds what stands below it away, and remembers it. */
  GS.foldButton = function (box, name) {
    const button = GS.element("button", "gs-fold");
    button.type = "button";
    const show = (folded) => {
      box.classList.toggle("gs-folded", folded);
      button.setAttribute("aria-expanded", String(!folded));
      button.title = folded ? "展开 Unfold" : "收起 Fold";
      button.setAttribute("aria-label", button.title);
    };
    button.addEventListener("click", () => {
      const folded = !box.classList.contains("gs-folded");
      GS.remember(name, folded ? "folded" : "open");
      show(folded);
    });
    show(GS.isFolded(name));
    return button;
  };

  /** Whether a panel was left folded; on a small window it is at first. */
  GS.isFolded = function (name) {
    // what stands to the left of the map would cover its corner on a laptop
    const small = window.innerHeight < 560 || window.innerWidth < (name === "choices" ? 1600 : 720);
    return (GS.recall(name) || (small ? "folded" : "open")) === "folded";
  };

  const formats = new Map();

  /** Decimals that show three significant digits. */
  function digitsOf(value) {
    const size = Math.abs(value);
    return Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  }

  /** Formats the limits of classes alike, with the decimals that the middle one needs, or more: none reads like another. */
  GS.limits = function (breaks, percent) {
    const scale = percent ? 100 : 1;
    const whole = breaks.every((limit) => Number.isInteger(Math.round(limit * scale * 1e6) / 1e6));
    let digits = whole ? 0 : digitsOf(breaks[Math.floor(breaks.length / 2)] * scale);
    const texts = () => new Set([...breaks, 0].map((limit) => GS.number(limit, percent, digits)));
    const different = new Set([...breaks, 0]).size; // a limit that is not nought does not read as nought either
    while (digits < 6 && texts().size < different) digits += 1;
    return (value) => GS.number(value, percent, digits);
  };

  /** A number as people read it: three significant digits, groups of thousands; in percent a decimal, below one two. */
  GS.number = function (value, percent, decimals) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "—";
    const shown = percent ? value * 100 : value;
    const digits = decimals ?? (percent ? Math.min(digitsOf(shown), Math.abs(shown) < 1 ? 2 : 1) : digitsOf(shown));
    if (!formats.has(digits)) formats.set(digits, new Intl.NumberFormat("zh-CN", { maximumFractionDigits: digits }));
    return formats.get(digits).format(shown) + (percent ? "%" : "");
  };

  /** Index of the class of a value: breaks are upper limits, themselves included; -1 for no data. */
  GS.classOf = function (value, breaks) {
    if (value === null || value === undefined || !Number.isFinite(value) || !breaks.length) return -1;
    for (let i = 0; i < breaks.length; i++) if (value <= breaks[i]) return i;
    return breaks.length - 1;
  };

  GS.NO_DATA = "#e3e3e0";
  GS.KEPT_BACK = "#b9b9b4";
  GS.HIDDEN = -2; // class of a cell whose small counts are kept back

  /** Say on the map what went wrong, and in the console in full. */
  GS.fail = function (map, error) {
    console.error(error);
    const box = GS.element("div", "gs-error", GS.words("数据加载失败，请刷新重试", "Could not load the data; please reload."));
    box.setAttribute("role", "alert");
    map.getContainer().append(box);
  };

  /** Give a map its panes, place and attribution; called once, right after Folium made it. */
  GS.begin = function (map, config) {
    const panes = { "gs-base": 210, "gs-cells": 350, "gs-borders": 360, "gs-areas": 370, "gs-names": 380, "gs-units": 450, "gs-focus": 460 };
    for (const [name, order] of Object.entries(panes)) {
      map.createPane(name).style.zIndex = order;
      if (name !== "gs-units") map.getPane(name).style.pointerEvents = "none";
    }
    GS.openView(map, config);
    GS.heatTo = Math.min(17, Math.max(13, Math.floor(map.getZoom()) + 1)); // nearer than this, counts by cell say more than heat
    L.control.zoom({ position: "bottomright", zoomInTitle: "放大 Zoom in", zoomOutTitle: "缩小 Zoom out" }).addTo(map);
    L.control.scale({ position: "bottomleft", imperial: false, maxWidth: 140 }).addTo(map);
    if (config.attribution) {
      const attribution = L.control.attribution({ position: "bottomleft", prefix: false });
      attribution.addTo(map).getContainer().textContent = config.attribution;
    }
    document.documentElement.dataset.ready = "";
    GS.pending = 0;
  };

  /** Tests and screenshots wait for html[data-ready="yes"]: all data that was asked for is drawn. */
  GS.during = function (promise) {
    GS.pending = (GS.pending || 0) + 1;
    document.documentElement.dataset.ready = "";
    return promise.finally(() => {
      GS.pending -= 1;
      if (!GS.pending) requestAnimationFrame(() => { if (!GS.pending) drawn(); });
    });
  };

  let afterwards = [];

  function drawn() {
    document.documentElement.dataset.ready = "yes";
    const calls = afterwards;
    afterwards = [];
    setTimeout(() => calls.forEach((call) => call())); // what is drawn is shown before
  }

  /** Do something once all data that was asked for is drawn; at once, if nothing was asked for. */
  GS.afterDrawing = function (call) {
    requestAnimationFrame(() => {
      if (GS.pending) afterwards.push(call);
      else call();
    });
  };
})(window.GeoService);
