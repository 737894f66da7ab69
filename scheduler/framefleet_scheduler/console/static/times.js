// Says times as people do: `3 min ago`, `12 s`. The exact one stays in the title.
const STEPS = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86400, 3600, "h"],
  [86400 * 14, 86400, "d"],
];

export function ago(seconds) {
  if (seconds < 3 && seconds > -3) return "now";
  const size = Math.abs(seconds);
  const step = STEPS.find(([below]) => size < below);
  if (!step) return null;
  const said = `${Math.floor(size / step[1])} ${step[2]}`;
  return seconds > 0 ? `${said} ago` : `in ${said}`;
}

export function lasting(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function tellTimes(within = document) {
  for (const time of within.querySelectorAll("time")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const said = time.classList.contains("since") ? lasting(seconds) : ago(seconds) ?? time.dateTime.slice(0, 10);
    if (time.textContent !== said) time.textContent = said;
  }
}

setInterval(() => tellTimes(), 1000);
