// What every page has: the theme, relative times, questions before a form is sent, keys, live parts, selection.
import { follow } from "./live.js";
import { tellTimes } from "./times.js";
import { listenForKeys } from "./keys.js";
import { askBefore } from "./confirm.js";
import { keepSelection } from "./select.js";

const root = document.documentElement;

for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try {
      localStorage.setItem("framefleet-theme", root.dataset.theme);
    } catch {
      // It then lasts as long as the page.
    }
  });
}

// Above a narrow page the menu opens on demand; beside a wide one it is always there.
const menu = document.querySelector("[data-menu]");
menu?.addEventListener("click", () => menu.setAttribute("aria-expanded", menu.ariaExpanded !== "true"));

tellTimes();
askBefore();
listenForKeys();
keepSelection();
for (const part of document.querySelectorAll("[data-stream]")) follow(part);
