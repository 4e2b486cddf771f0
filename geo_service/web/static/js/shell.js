/* The frame of every page: the language and its switch, what is remembered, who is signed in. Loaded before all else. */
"use strict";

window.GeoService = window.GeoService || {};

(function (GS) {
  const LANGUAGES = [{ code: "zh", name: "中文", html: "zh-CN" }, { code: "en", name: "EN", html: "en" }];

  /** What this browser remembers; nothing, where storage is switched off. */
  GS.recall = function (name) {
    try {
      return window.localStorage.getItem(`geo_service.${name}`);
    } catch {
      return null;
    }
  };

  GS.remember = function (name, value) {
    try {
      window.localStorage.setItem(`geo_service.${name}`, value);
    } catch {
      // it holds for this page only
    }
  };

  /** Language that is read: "zh" (Chinese, English small beside it) or "en". */
  GS.lang = function () {
    return document.documentElement.dataset.lang === "en" ? "en" : "zh";
  };

  GS.setLang = function (code) {
    const chosen = LANGUAGES.find((one) => one.code === code) || LANGUAGES[0];
    document.documentElement.dataset.lang = chosen.code;
    document.documentElement.lang = chosen.html;
    document.dispatchEvent(new CustomEvent("geo-service:lang", { detail: chosen.code }));
  };

  /** Two buttons; the choice is remembered and outlives ?lang= of the address. */
  GS.langSwitch = function () {
    const box = document.createElement("span");
    box.className = "gs-lang";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "语言 Language");
    const buttons = LANGUAGES.map(({ code, name, html }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.lang = html;
      button.dataset.code = code;
      button.textContent = name;
      button.addEventListener("click", () => {
        GS.remember("lang", code);
        forgetAddress();
        GS.setLang(code);
      });
      box.append(button);
      return button;
    });
    const mark = () => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.code === GS.lang())));
    document.addEventListener("geo-service:lang", mark);
    mark();
    return box;
  };

  /** A switched page that is loaded again, or passed on, stays switched. */
  function forgetAddress() {
    const address = new URL(window.location.href);
    if (!address.searchParams.has("lang")) return;
    address.searchParams.delete("lang");
    window.history.replaceState(null, "", address);
  }

  function asked() {
    const code = new URLSearchParams(window.location.search).get("lang");
    return LANGUAGES.some((one) => one.code === code) ? code : null;
  }

  const wanted = asked();
  if (wanted) GS.remember("lang", wanted);
  GS.setLang(wanted || GS.recall("lang") || GS.lang());

  /** Name of who is signed in, and the way out. */
  function showVisitor(header, visitor) {
    const who = header.querySelector(".shell-who");
    const out = header.querySelector(".shell-sign-out");
    const into = header.querySelector(".shell-sign-in");
    who.textContent = visitor.name || "";
    who.title = visitor.role || "";
    who.hidden = out.hidden = !visitor.signed_in;
    into.hidden = visitor.signed_in;
    if (!visitor.signed_in && window.location.pathname !== "/sign-in") {
      into.href = `/sign-in?next=${encodeURIComponent(window.location.pathname + window.location.search)}`;
    }
    out.addEventListener("click", () => {
      fetch("/sign-out", { method: "POST", credentials: "same-origin" }).finally(() => window.location.assign("/"));
    });
  }

  function dress() {
    const header = document.querySelector(".shell");
    if (!header) return;
    const place = header.querySelector(".shell-lang");
    place.append(GS.langSwitch());
    place.hidden = false;
    fetch("/session", { headers: { accept: "application/json" }, credentials: "same-origin" })
      .then((response) => (response.ok ? response.json() : Promise.reject(new Error(String(response.status)))))
      .then((visitor) => showVisitor(header, visitor))
      .catch((error) => console.warn("sign-in state not shown:", error.message));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", dress);
  else dress();
})(window.GeoService);
