// The editor of a template: checks while one types, and marks the lines that are wrong.
import { fill } from "./morph.js";

const PAUSE = 350;

for (const form of document.querySelectorAll("[data-editor]")) edit(form);

function edit(form) {
  const text = form.querySelector("[data-text]");
  const gutter = form.querySelector("[data-gutter]");
  const verdict = form.querySelector("[data-verdict]");
  let waiting = 0;
  let asked = null;

  async function check() {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch("/templates/check", { method: "POST", body: new URLSearchParams(new FormData(form)), signal: asked.signal });
      if (!answer.ok) return; // it is checked again when it is kept
      fill(verdict, await answer.text());
      mark();
    } catch {
      // A later text is being checked, or the server is away: then the next one asks again.
    }
  }

  function mark() {
    const wrong = new Set([...verdict.querySelectorAll("[data-line]")].map((one) => Number(one.dataset.line)));
    const lines = text.value.split("\n").map((_, at) => {
      const line = document.createElement("span");
      line.textContent = at + 1;
      line.classList.toggle("is-wrong", wrong.has(at + 1));
      return line;
    });
    gutter.replaceChildren(...lines);
    gutter.scrollTop = text.scrollTop;
    text.setAttribute("aria-invalid", String(verdict.querySelector(".mistakes") !== null));
  }

  form.addEventListener("input", () => {
    mark();
    clearTimeout(waiting);
    waiting = setTimeout(check, PAUSE);
  });
  text.addEventListener("scroll", () => (gutter.scrollTop = text.scrollTop));
  verdict.addEventListener("click", (event) => {
    const line = Number(event.target.closest("[data-line]")?.dataset.line);
    if (!line) return;
    const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(before, before + text.value.split("\n")[line - 1].length);
  });
  mark();
}
