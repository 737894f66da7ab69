// Sends a file in parts: it can be paused, parts that fail are sent again, and the same file goes on where it was left.
const TRIES = 6;
const SIDE_BY_SIDE = 2;
const KEPT = "framefleet-uploads";

export class Upload {
  constructor(file, csrf, tell) {
    this.file = file;
    this.csrf = csrf;
    this.tell = tell;
    this.paused = false;
    this.sent = new Map();
    this.requests = new Set();
    this.name = `${file.name}/${file.size}/${file.lastModified}`;
  }

  // The address of the source, when all is there. Throws what the server refuses.
  async run() {
    const known = kept()[this.name];
    let upload = known ? await this.ask("GET", `/v1/uploads/${known}`).catch(() => null) : null;
    upload ??= await this.ask("POST", "/v1/uploads", { name: this.file.name, bytes: this.file.size });
    keep(this.name, upload.id);
    const there = new Set(upload.parts.map((part) => part.n));
    const missing = [];
    for (let n = 1; upload.state === "open" && n <= upload.part_count; n += 1) {
      if (there.has(n)) this.sent.set(n, this.slice(upload, n).size);
      else missing.push(n);
    }
    this.told();
    const next = async () => {
      for (let n = missing.shift(); n; n = missing.shift()) await this.part(upload, n);
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, next));
    const whole = await patiently(() => this.ask("POST", `/v1/uploads/${upload.id}/complete`));
    keep(this.name, null);
    return whole.uri;
  }

  pause() {
    this.paused = true;
    for (const request of this.requests) request.abort();
  }

  resume() {
    this.paused = false;
    this.wake?.();
  }

  slice(upload, n) {
    return this.file.slice((n - 1) * upload.part_bytes, n * upload.part_bytes);
  }

  async part(upload, n) {
    const send = async () => {
      for (;;) {
        await this.going();
        try {
          return await this.put(`/v1/uploads/${upload.id}/parts/${n}`, this.slice(upload, n), n);
        } catch (error) {
          this.sent.delete(n);
          this.told();
          if (!this.paused) throw error;
        }
      }
    };
    await patiently(send);
  }

  async going() {
    while (this.paused) {
      await new Promise((resolve) => {
        const before = this.wake;
        this.wake = () => {
          before?.();
          resolve();
        };
      });
    }
  }

  put(path, body, n) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const over = (act) => () => {
        this.requests.delete(request);
        act();
      };
      request.open("PUT", path);
      request.setRequestHeader("X-CSRF-Token", this.csrf);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => {
        this.sent.set(n, event.loaded);
        this.told();
      };
      request.onload = over(() => {
        if (request.status < 300) {
          this.sent.set(n, body.size);
          this.told();
          resolve();
        } else reject(refusal(request.status, request.responseText));
      });
      request.onerror = over(() => reject(new Error("the line is broken")));
      request.onabort = over(() => reject(new Error("paused")));
      this.requests.add(request);
      request.send(body);
    });
  }

  told() {
    this.tell([...this.sent.values()].reduce((sum, bytes) => sum + bytes, 0), this.file.size);
  }

  async ask(method, path, body) {
    const headers = { "X-CSRF-Token": this.csrf, "Content-Type": "application/json" };
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw refusal(answer.status, await answer.text());
    return answer.json();
  }
}

// What the server refuses for good stays refused; a broken line or a full server may be better soon.
async function patiently(act) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await act();
    } catch (error) {
      if (tried >= TRIES || (error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tried));
    }
  }
}

function refusal(status, text) {
  let message = `the server answers ${status}`;
  try {
    message = JSON.parse(text).error.message;
  } catch {
    // Something between us and the server has answered.
  }
  return Object.assign(new Error(message), { status });
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep(name, id) {
  const all = kept();
  if (id) all[name] = id;
  else delete all[name];
  try {
    localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(Object.entries(all).slice(-20))));
  } catch {
    // Then the file is sent from the beginning next time.
  }
}
