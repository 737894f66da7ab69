// Follows a part of the page over server-sent events. Not while nobody looks: browsers allow few connections to a server.
import { fill } from "./morph.js";
import { tellTimes } from "./times.js";

const COME_AGAIN_MS = 5000;

export function follow(part) {
  let source = null;
  let over = false;

  function open() {
    if (source || over) return;
    source = new EventSource(part.dataset.stream);
    source.addEventListener("part", (event) => {
      fill(part, JSON.parse(event.data));
      tellTimes(part);
      part.dispatchEvent(new CustomEvent("live", { bubbles: true }));
    });
    source.addEventListener("over", () => {
      over = true;
      close();
    });
    source.addEventListener("gone", () => {
      close();
      location.reload();
    });
    source.addEventListener("error", (event) => {
      if (event.target === source && source.readyState === EventSource.CLOSED) again();
    });
  }

  // What is no stream was answered: the server begins, or has too many, or the session is over. A browser then gives up.
  async function again() {
    close();
    try {
      const answer = await fetch("/", { headers: { Accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") {
        location.reload(); // which leads to the login
        return;
      }
    } catch {
      // The server is away.
    }
    setTimeout(() => {
      if (!document.hidden) open();
    }, COME_AGAIN_MS);
  }

  function close() {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  if (!document.hidden) open();
}
