// Selected rows: a box for all of them, how many they are, and buttons only when there are some.
export function keepSelection() {
  for (const form of document.querySelectorAll("[data-bulk]")) {
    const bar = form.querySelector("[data-bulk-bar]");
    if (!bar) continue;
    const picks = () => [...form.querySelectorAll("[data-pick]")];
    const tell = () => {
      const all = picks();
      const chosen = all.filter((box) => box.checked).length;
      const every = form.querySelector("[data-pick-all]");
      if (every) {
        every.checked = chosen > 0 && chosen === all.length;
        every.indeterminate = chosen > 0 && chosen < all.length;
      }
      bar.querySelector("[data-bulk-count]").textContent = `${chosen} selected`;
      bar.classList.toggle("has-some", chosen > 0);
      for (const button of bar.querySelectorAll("button")) button.disabled = chosen === 0;
    };
    form.addEventListener("change", (event) => {
      if (event.target.matches("[data-pick-all]")) for (const box of picks()) box.checked = event.target.checked;
      tell();
    });
    form.addEventListener("live", tell);
    addEventListener("pageshow", tell);
    tell();
  }
}
