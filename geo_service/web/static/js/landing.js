/* Fills the live counts of the landing page; without an answer they stay hidden and the links work all the same. */
"use strict";

(function () {
  const number = new Intl.NumberFormat("zh-CN");
  const MODES = { walk: ["步行", "on foot"], ebike: ["电动车", "by e-bike"], car: ["汽车", "by car"] };

  function figure(value, zh, en) {
    const box = document.createElement("div");
    for (const [tag, text] of [["dd", value], ["dt", zh]]) {
      const node = document.createElement(tag);
      node.textContent = text;
      box.append(node);
    }
    const small = document.createElement("small");
    small.lang = "en";
    small.textContent = en;
    box.lastChild.append(small);
    return box;
  }

  function show(status) {
    const list = document.getElementById("figures");
    const leaf = status.levels[status.levels.length - 1];
    if (leaf) {
      const above = status.levels.slice(0, -1).map((level) => `${level.name_zh} ${number.format(level.cells)}`);
      list.append(figure(number.format(leaf.cells), [leaf.name_zh, ...above].join(" · "), leaf.name_en));
    }
    const unlocated = status.incidents.unlocated;
    list.append(figure(number.format(status.incidents.total), unlocated ? `事件（${number.format(unlocated)} 起无坐标）` : "事件", unlocated ? `incidents, ${number.format(unlocated)} unlocated` : "incidents"));
    list.append(figure(`${number.format(status.responders.on_duty)} / ${number.format(status.responders.total)}`, "在岗力量", "on duty"));
    if (status.coverage) {
      const { share, mode, limit_s: limit, at } = status.coverage;
      const [zh, en] = MODES[mode] || [mode, mode];
      const minutes = number.format(limit / 60);
      const moment = new Date(at).toLocaleString("zh-CN", { dateStyle: "short", timeStyle: "short" });
      list.append(figure(`${number.format(Math.round(share * 1000) / 10)}%`, `${minutes} 分钟覆盖（${zh}，${moment}）`, `within ${minutes} min ${en}`));
    }
    list.hidden = false;
  }

  fetch("/v1/status", { headers: { accept: "application/json" } })
    .then((response) => (response.ok ? response.json() : Promise.reject(new Error(String(response.status)))))
    .then(show)
    .catch((error) => console.warn("status not shown:", error.message));
})();
