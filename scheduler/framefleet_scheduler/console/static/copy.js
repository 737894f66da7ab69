// Buttons that copy what stands in a field, and the way to copy any text.
for (const button of document.querySelectorAll("[data-copy-field]")) {
  const label = button.lastChild;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copyField);
    try {
      await copy(field.value);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Press Ctrl+C";
    }
    field.select();
  });
}

// Without HTTPS browsers have no clipboard for pages: then the old way.
export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const before = document.activeElement;
  const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "unseen" });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus();
  if (!done) throw new Error("This browser does not let pages copy.");
}
