// Before the page is drawn, so that it is not drawn twice.
(() => {
  try {
    const kept = localStorage.getItem("framefleet-theme");
    if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  } catch {
    // Storage may be forbidden; then the system's choice holds.
  }
  document.documentElement.classList.add("scripted");
})();
