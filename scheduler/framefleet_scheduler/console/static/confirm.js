// Asks before a form is sent whose button says so.
export function askBefore() {
  const dialog = document.getElementById("confirm");
  const text = document.getElementById("confirm-text");
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    const question = button?.dataset.confirm;
    if (!question || button.dataset.confirmed) return;
    event.preventDefault();
    text.textContent = question;
    dialog.querySelector("[value=yes]").textContent = button.textContent.trim();
    dialog.returnValue = "";
    const meant = meaning(form, button);
    dialog.addEventListener(
      "close",
      () => {
        // Meanwhile the page may have become another: what was asked is done, or nothing.
        if (dialog.returnValue !== "yes" || !form.contains(button) || meaning(form, button) !== meant) return;
        button.dataset.confirmed = "yes";
        form.requestSubmit(button);
        delete button.dataset.confirmed;
      },
      { once: true },
    );
    dialog.showModal();
  });
}

function meaning(form, button) {
  const hidden = [...form.querySelectorAll("input[type=hidden]")].map(({ name, value }) => [name, value]);
  return JSON.stringify([form.action, button.name, button.value, hidden]);
}
