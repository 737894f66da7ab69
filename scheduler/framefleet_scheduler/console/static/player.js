// Players: controls with a picture above the bar where a film is sought, and a choice of rungs for streams.
import { thumbnailsOf } from "./thumbnails.js";

const LABELS = { play: "Play", pause: "Pause", mute: "Mute", loud: "Unmute" };

for (const holder of document.querySelectorAll("[data-player]")) mount(holder);
document.addEventListener("live", () => {
  for (const holder of document.querySelectorAll("[data-player]:not([data-mounted])")) mount(holder);
});

function mount(holder) {
  holder.dataset.mounted = "yes";
  const video = holder.querySelector("video");
  if (!video) return;
  video.addEventListener("error", () => tell(holder, "This browser cannot play it. The file can be downloaded."));
  if (holder.dataset.player === "file") {
    video.controls = false;
    controls(holder, video);
    return;
  }
  for (const button of holder.querySelectorAll("[data-play]")) {
    button.addEventListener("click", () => stream(holder, video, button.dataset.play));
  }
}

async function stream(holder, video, address) {
  try {
    const shaka = await loaded(holder.dataset.shaka);
    await holder.engine?.destroy();
    const engine = new shaka.Player();
    holder.engine = engine;
    await engine.attach(video);
    engine.addEventListener("error", (event) => tell(holder, `The stream stopped: Shaka error ${event.detail.code}.`));
    await engine.load(new URL(address, location.href).href);
    const bar = holder.querySelector(".controls") ?? controls(holder, video);
    rungs(bar, engine);
    await video.play();
  } catch (error) {
    tell(holder, `The stream cannot be played: ${error?.code ? `Shaka error ${error.code}` : error}.`);
  }
}

let library = null;
function loaded(address) {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => {
      window.shaka.polyfill.installAll();
      resolve(window.shaka);
    };
    script.onerror = () => reject(new Error("the player cannot be loaded"));
    document.head.append(script);
  });
  return library;
}

function rungs(bar, engine) {
  bar.querySelector(".rungs")?.remove();
  const select = element("select", { className: "rungs", ariaLabel: "Rendition" });
  const heights = [...new Set(engine.getVariantTracks().map((track) => track.height))].filter(Boolean).sort((a, b) => b - a);
  if (heights.length < 2) return;
  select.append(new Option("Auto", "auto"), ...heights.map((height) => new Option(`${height}p`, height)));
  const present = () => {
    const now = engine.getVariantTracks().find((track) => track.active)?.height;
    const auto = engine.getConfiguration().abr.enabled;
    select.options[0].text = auto && now ? `Auto (${now}p)` : "Auto";
    select.value = auto ? "auto" : String(now);
    select.dataset.now = now ?? "";
  };
  select.addEventListener("change", () => {
    const auto = select.value === "auto";
    engine.configure({ abr: { enabled: auto } });
    if (!auto) engine.selectVariantTrack(engine.getVariantTracks().find((track) => String(track.height) === select.value), true);
    present();
  });
  for (const name of ["adaptation", "variantchanged", "trackschanged"]) engine.addEventListener(name, present);
  present();
  bar.querySelector(".full").before(select);
}

function controls(holder, video) {
  const play = button(LABELS.play, "play", () => (video.paused ? video.play().catch(untold) : video.pause()));
  const mute = button(LABELS.mute, "mute", () => (video.muted = !video.muted));
  const full = button("Full screen", "full", () =>
    (document.fullscreenElement ? document.exitFullscreen() : holder.requestFullscreen()).catch(untold),
  );
  const at = element("span", { className: "at num" });
  const slider = element("input", { type: "range", min: 0, max: 1, step: "any", value: 0, ariaLabel: `Position in ${holder.dataset.name}` });
  const seek = element("span", { className: "seek" });
  seek.append(slider);
  const space = element("span", {});
  const bar = element("div", { className: "controls" });
  bar.append(seek, play, at, space, mute, full);
  holder.querySelector("video").after(bar);

  let held = false;
  const show = () => {
    const length = Number.isFinite(video.duration) ? video.duration : Number(holder.dataset.seconds);
    slider.max = length || 1;
    if (!held) slider.value = video.currentTime;
    at.textContent = `${clock(held ? Number(slider.value) : video.currentTime)} / ${clock(length)}`;
    slider.setAttribute("aria-valuetext", clock(Number(slider.value)));
  };
  for (const name of ["timeupdate", "loadedmetadata", "durationchange", "seeked"]) video.addEventListener(name, show);
  for (const name of ["play", "pause", "ended"]) {
    video.addEventListener(name, () => (play.textContent = video.paused ? LABELS.play : LABELS.pause));
  }
  video.addEventListener("volumechange", () => (mute.textContent = video.muted ? LABELS.loud : LABELS.mute));
  video.addEventListener("click", () => play.click());
  slider.addEventListener("input", () => {
    held = true;
    video.currentTime = Number(slider.value);
    show();
  });
  slider.addEventListener("change", () => {
    held = false;
    show();
  });
  thumbs(() => holder.closest("[data-thumbnails]")?.dataset.thumbnails, seek, slider);
  show();
  return bar;
}

// The picture above the bar: where the pointer is, or where the slider was moved to by keys.
// The map may come after the player: `address` is asked each time, and gives nothing as long as there is none.
function thumbs(address, seek, slider) {
  const figure = element("figure", { className: "thumb", hidden: true });
  const canvas = element("canvas", {});
  const caption = element("figcaption", { className: "num" });
  figure.append(canvas, caption);
  seek.append(figure);
  async function show(seconds) {
    const found = address() && (await thumbnailsOf(address()))?.at(seconds);
    const sheet = await found?.sheet;
    if (!sheet) return;
    canvas.width = found.width;
    canvas.height = found.height;
    canvas.getContext("2d").drawImage(sheet, found.x, found.y, found.width, found.height, 0, 0, found.width, found.height);
    caption.textContent = clock(seconds);
    figure.dataset.at = `${found.start}`;
    figure.hidden = false;
    const room = seek.clientWidth - figure.offsetWidth;
    const place = (seconds / Number(slider.max)) * seek.clientWidth - figure.offsetWidth / 2;
    figure.style.left = `${Math.max(0, Math.min(room, place))}px`;
  }
  const hide = () => (figure.hidden = true);
  slider.addEventListener("pointermove", (event) => {
    const box = slider.getBoundingClientRect();
    show(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * Number(slider.max));
  });
  slider.addEventListener("pointerleave", hide);
  slider.addEventListener("blur", hide);
  slider.addEventListener("input", () => show(Number(slider.value)));
}

// What a browser refuses to play it tells by an event; that it was asked in vain is no error.
function untold() {}

function tell(holder, text) {
  let said = holder.querySelector(".said");
  if (!said) {
    said = element("p", { className: "said field-wrong", role: "status" });
    holder.append(said);
  }
  said.textContent = text;
}

function button(text, name, act) {
  const made = element("button", { type: "button", className: `button ${name}`, textContent: text });
  made.addEventListener("click", act);
  return made;
}

function element(name, values) {
  return Object.assign(document.createElement(name), values);
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${parts.join(":")}` : parts.join(":");
}
