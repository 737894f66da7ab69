// The form of a new task: looks at the source, asks for plans, and says what curl would say.
import { copy } from "./copy.js";
import { Upload } from "./upload.js";

const form = document.querySelector("[data-new]");
if (form) begin();

function begin() {
  const csrf = document.querySelector("meta[name=csrf]").content;
  const part = (name) => form.querySelector(`[data-${name}]`);
  const source = part("source");
  let looking = 0;
  let looked = null; // the address that is being looked at
  let planning = 0;
  let timer = 0;
  let uploading = null;

  async function ask(path, body) {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify(body),
    });
    return answered(answer);
  }

  async function wanted(all) {
    const fields = new FormData(form);
    if (all) {
      fields.delete("template");
      for (const name of all) fields.append("template", name);
    }
    const sent = new URLSearchParams([...fields].filter(([, value]) => typeof value === "string"));
    return answered(await fetch("/new/request", { method: "POST", body: sent }));
  }

  // To leave the field for the button is to ask twice.
  async function look() {
    const address = source.value.trim();
    if (address === looked) return;
    looked = address;
    await probe(++looking);
    if (looked === address) looked = null;
  }

  async function probe(mine) {
    const said = part("look-said");
    if (!source.value.trim()) return;
    said.textContent = "Looking…";
    part("looked").hidden = true;
    refuse("");
    try {
      const found = await ask("/v1/probe?frame=true", { uri: source.value.trim() });
      if (mine !== looking) return;
      said.textContent = "";
      showSource(part("looked"), found);
      await plan();
      await ladders(mine);
    } catch (error) {
      if (mine !== looking) return;
      said.textContent = "";
      refuse(error.message);
    }
  }

  // What is wrong with the source, under its field; nothing takes it away.
  function refuse(text) {
    const field = source.closest(".field");
    field.querySelector(".field-wrong")?.remove();
    field.classList.toggle("is-wrong", Boolean(text));
    source.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) field.append(element("span", { className: "field-wrong", role: "alert", textContent: text }));
  }

  // One plan with every template says what each would make; what this source cannot become is left out and told.
  async function ladders(mine) {
    const cards = new Map([...form.querySelectorAll("[data-card]")].map((card) => [card.dataset.card, card]));
    // A ladder that is chosen by what the film takes to encode has to be measured: only when it is wanted.
    const names = [...cards.keys()].filter((name) => !("slow" in cards.get(name).dataset));
    for (const card of cards.values()) note(card, "slow" in card.dataset ? "What it makes is measured on the source: choose it to see its plan." : "");
    while (names.length) {
      try {
        const { request } = await wanted(names);
        const found = await ask("/v1/plan", request);
        if (mine !== looking) return;
        found.outputs.forEach((output, i) => note(cards.get(names[i]), described(output)));
        return;
      } catch (error) {
        const match = /^targets\[(\d+)\]/.exec(error.field ?? "");
        if (mine !== looking || !match) return;
        note(cards.get(names[match[1]]), `Not for this source: ${error.message}`);
        names.splice(Number(match[1]), 1);
      }
    }
  }

  async function plan() {
    const mine = ++planning;
    const shown = part("plan");
    for (const wrong of form.querySelectorAll("[data-wrong]")) wrong.hidden = true;
    if (!source.value.trim() || !form.querySelector("[name=template]:checked")) return;
    shown.textContent = "Planning…";
    try {
      const { request } = await wanted();
      const found = await ask("/v1/plan", request);
      if (mine === planning) showPlan(shown, found);
    } catch (error) {
      if (mine !== planning) return;
      shown.textContent = `${error.message}${error.hint ? ` ${error.hint}` : ""}`;
      const match = /^targets\[(\d+)\]\.overrides/.exec(error.field ?? "");
      const chosen = [...form.querySelectorAll("[name=template]:checked")][match?.[1]];
      if (!chosen) return;
      const wrong = chosen.closest("[data-card]").querySelector("[data-wrong]");
      // Most messages begin with the field, which on this page is of this card.
      const field = error.field.replace(/^targets\[\d+\]\./, "");
      const said = error.message.replaceAll(/targets\[\d+\]\./g, "");
      wrong.textContent = said.includes(field) ? said : `${field}: ${said}`;
      wrong.hidden = false;
      wrong.closest("details").open = true;
    }
  }

  if (source.value) look();
  part("look").addEventListener("click", () => {
    if (source.value.trim()) return look();
    refuse("Give an address, or send a file.");
    source.focus();
  });
  source.addEventListener("change", look);
  part("sample")?.addEventListener("click", (event) => {
    source.value = event.currentTarget.dataset.sample;
    look();
  });
  part("file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    uploading?.pause();
    const holder = part("upload");
    const pause = part("pause");
    const mine = new Upload(file, csrf, (sent, whole) => {
      holder.querySelector("progress").value = whole ? sent / whole : 0;
      part("upload-said").textContent = `${file.name}: ${size(sent)} of ${size(whole)}`;
    });
    uploading = mine;
    holder.hidden = pause.hidden = false;
    pause.textContent = "Pause";
    try {
      const uri = await mine.run();
      if (uploading !== mine) return;
      source.value = uri;
      part("upload-said").textContent = `${file.name} is there.`;
      look();
    } catch (error) {
      if (uploading === mine) part("upload-said").textContent = `${error.message}. Choose the file again to go on.`;
    }
    if (uploading === mine) pause.hidden = true;
  });
  part("pause").addEventListener("click", () => {
    const pause = part("pause");
    if (uploading.paused) uploading.resume();
    else uploading.pause();
    pause.textContent = uploading.paused ? "Go on" : "Pause";
  });
  part("show-plan").addEventListener("click", plan);
  form.addEventListener("change", (event) => {
    if (part("looked").hidden || event.target === source) return;
    clearTimeout(timer);
    timer = setTimeout(plan, 400);
  });
  for (const button of form.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const told = part("copied");
      try {
        await copy((await wanted())[button.dataset.copy]);
        told.textContent = "Copied.";
      } catch (error) {
        told.textContent = error.message;
      }
    });
  }
}

async function answered(answer) {
  const found = await answer.json();
  if (answer.ok) return found;
  const { message, field, hint } = found.error;
  throw Object.assign(new Error(message), { field, hint });
}

function showSource(holder, found) {
  const [video] = found.video.filter((one) => !one.attached_picture);
  const [audio] = found.audio;
  const seconds = ratio(found.duration);
  const facts = [
    found.container,
    seconds ? `${seconds.toFixed(1)} s` : null,
    found.size_bytes ? size(found.size_bytes) : null,
    video && `${video.codec} ${video.width}x${video.height}, ${rate(video.average_rate)} fps`,
    audio && `${audio.codec}, ${audio.channels} channels`,
    found.index && `${found.index.frames} frames`,
  ].filter(Boolean);
  const text = element("ul", {});
  text.append(...facts.map((fact) => element("li", { textContent: fact })));
  holder.replaceChildren(text);
  if (found.frame?.startsWith("data:image/jpeg;base64,")) holder.prepend(element("img", { src: found.frame, alt: "A frame of the source" }));
  holder.hidden = false;
}

function showPlan(holder, found) {
  const { estimate } = found;
  const rows = [
    ["Film", `${found.duration.toFixed(1)} s`],
    ["Subtasks", `${found.subtasks.length}`],
    ["CPU time", figure(estimate.cpu_seconds, lasting)],
    ["Time to the end", figure(estimate.wall_seconds, lasting)],
    ["Output", figure(estimate.output_bytes, size)],
    ...found.outputs.map((output) => [output.name, described(output)]),
  ];
  const list = element("dl", { className: "facts" });
  for (const [name, said] of rows) {
    const row = element("div", {});
    row.append(element("dt", { textContent: name }), element("dd", { textContent: said }));
    list.append(row);
  }
  holder.replaceChildren(list);
}

function described(output) {
  const ladder = output.renditions.map((one) => `${one.width}x${one.height}${one.max_bitrate ? ` up to ${rateOf(one.max_bitrate)}` : ""}`);
  const sound = output.sound.map((one) => `${one.codec}${one.bitrate ? ` ${rateOf(one.bitrate)}` : ""}`);
  const pictures = output.pictures && `${output.pictures.count} of ${output.pictures.width}x${output.pictures.height}, ${output.pictures.format}`;
  return [ladder.join(", "), sound.join(", "), pictures, ...output.warnings].filter(Boolean).join(" · ") || output.kind;
}

function note(card, text) {
  const holder = card.querySelector("[data-ladder]");
  holder.textContent = text;
  holder.hidden = !text;
}

function figure({ value, sure, basis }, say) {
  if (value === null) return `unknown: ${basis}`;
  return `${sure === "at_most" ? "at most " : sure === "rough" ? "about " : ""}${say(value)} (${basis})`;
}

function lasting(seconds) {
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  return `${bytes.toFixed(unit && bytes < 100 ? 1 : 0)} ${units[unit]}`;
}

const rateOf = (bits) => (bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`);
const ratio = (text) => {
  const [top, bottom = "1"] = `${text ?? 0}`.split("/");
  return Number(top) / Number(bottom);
};
const rate = (text) => String(Number(ratio(text).toFixed(3)));

function element(name, values) {
  return Object.assign(document.createElement(name), values);
}
