/* Fills the live counts of the landing page; without an answer they stay hidden and the links work all the same. */
"use strict";

(function () {
  const number = new Intl.NumberFormat("zh-CN");
  const MODES = { walk: ["步行", "on foot"], ebike: ["电动车", "by e-bike"], car: ["汽车", "by car"] };

  function element(tag, lang, text) {
    const node = document.createElement(tag);
    if (lang) node.lang = lang;
    node.textContent = text;
    return node;
  }

  function figure(value, zh, en) {
    const box = document.createElement("div");
    const term = document.createElement("dt");
    if (zh === en) term.textContent = zh;
    else term.append(element("span", "zh-CN", zh), " ", element("small", "en", en));
    box.append(term, element("dd", "", value));
    return box;
  }

  const levelName = (level, lang) => (lang === "en" && level.name_en) || level.name_zh;

  /** Cells of the leaves, and in words those of the levels above. */
  function cells(levels) {
    const leaf = levels[levels.length - 1];
    const inWords = (lang) =>
      [levelName(leaf, lang), ...levels.slice(0, -1).map((level) => `${levelName(level, lang)} ${number.format(level.cells)}`)].join(" · ");
    return figure(number.format(leaf.cells), inWords("zh"), inWords("en"));
  }

  /** Moments are told in the town's zone with its offset, whoever looks from wherever: as on the maps. */
  function coverage({ share, mode, limit_s: limit, at }, timeZone) {
    const [zh, en] = MODES[mode] || [mode, mode];
    const minutes = number.format(limit / 60);
    const moment = (locale) => new Date(at).toLocaleString(locale, {
      timeZone, timeZoneName: "longOffset", year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    }).replace(/GMT(?=[+-])/, "UTC");
    return figure(
      `${number.format(Math.round(share * 1000) / 10)}%`,
      `${minutes} 分钟覆盖（${zh}，${moment("zh-CN")}）`,
      `covered within ${minutes} min ${en}, ${moment("en-GB")}`,
    );
  }

  function show(status) {
    const list = document.getElementById("figures");
    const { total, unlocated } = status.incidents;
    const duty = status.responders;
    const parts = [
      figure(number.format(total), unlocated ? `事件（${number.format(unlocated)} 起无坐标）` : "事件", unlocated ? `incidents, ${number.format(unlocated)} unlocated` : "incidents"),
      figure(`${number.format(duty.on_duty)} / ${number.format(duty.total)}`, "在岗力量", "on duty"),
    ];
    if (status.levels.length) parts.unshift(cells(status.levels));
    if (status.coverage) parts.push(coverage(status.coverage, status.timezone));
    list.replaceChildren(...parts);
    list.hidden = false;
  }

  fetch("/v1/status", { headers: { accept: "application/json" } })
    .then((response) => (response.ok ? response.json() : Promise.reject(new Error(String(response.status)))))
    .then(show)
    .catch((error) => console.warn("status not shown:", error.message));
})();
