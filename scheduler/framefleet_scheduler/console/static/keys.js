// Keys: / to the filter, j and k through a list, x selects, ? helps. None while something is typed.
const rows = () => [...document.querySelectorAll("[data-list] tbody tr")];
const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, dialog, video, audio, [data-player]");

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
  next.querySelector("[data-open], a, button")?.focus();
  next.scrollIntoView({ block: "nearest" });
}

const actions = {
  "/": () => document.querySelector("[data-filter]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
  x: () => document.activeElement?.closest("tr")?.querySelector("[data-pick]")?.click(),
  n: () => document.querySelector('.bar a[href="/new"]') && location.assign("/new"),
  g: () => location.assign("/tasks"),
  "?": () => document.getElementById("help").showModal(),
};

export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target instanceof Element && typing(event.target)) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  for (const button of document.querySelectorAll("[data-help]")) button.addEventListener("click", actions["?"]);
}
