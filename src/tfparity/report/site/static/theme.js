// Light or dark: what the system says, unless the switch was used. In the head, so that a page never flashes.
(function () {
  "use strict";
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  function kept() {
    try { return localStorage.getItem("tfparity-theme"); } catch (refused) { return null; }
  }
  function show() {
    const dark = kept() === "dark" || (kept() !== "light" && system.matches);
    document.documentElement.classList.toggle("dark", dark);
    const button = document.getElementById("theme");
    if (button) {
      button.hidden = false;
      button.textContent = dark ? "Light" : "Dark";
      button.setAttribute("aria-label", dark ? "Switch to light colours" : "Switch to dark colours");
    }
  }
  show();
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", function () {
    show();
    document.getElementById("theme").addEventListener("click", function () {
      const next = document.documentElement.classList.contains("dark") ? "light" : "dark";
      try { localStorage.setItem("tfparity-theme", next); } catch (refused) { /* for this page alone */ }
      document.documentElement.classList.toggle("dark", next === "dark");
      show();
    });
  });
})();
