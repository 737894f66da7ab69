// The tiles of a sprite, from its WebVTT map: which part of which sheet shows a second of the film.
const CUE = /((?:\d+:)?\d\d:\d\d\.\d{3}) --> ((?:\d+:)?\d\d:\d\d\.\d{3})[^\n]*\n([^\n#]+)#xywh=(\d+),(\d+),(\d+),(\d+)/g;
const known = new Map();

export function thumbnailsOf(address) {
  if (!known.has(address)) {
    const map = read(new URL(address, location.href)).catch(() => null);
    known.set(address, map);
    map.then((found) => found ?? known.delete(address)); // it may be there later
  }
  return known.get(address);
}

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) return null;
  const text = (await answer.text()).replaceAll("\r", "");
  const sheets = new Map();
  const cues = [...text.matchAll(CUE)].map(([, from, to, file, x, y, width, height]) => ({
    start: seconds(from),
    end: seconds(to),
    file: new URL(file, address),
    x: Number(x),
    y: Number(y),
    width: Number(width),
    height: Number(height),
  }));
  const sheet = (file) => {
    if (!sheets.has(file.href)) {
      const image = new Image();
      image.src = file.href;
      sheets.set(file.href, image.decode().then(() => image, () => null));
    }
    return sheets.get(file.href);
  };
  return {
    at(moment) {
      const cue = cues.find(({ start, end }) => moment >= start && moment < end) ?? cues.at(-1);
      // Only sheets of this server: the map is somebody's file.
      if (!cue || cue.file.origin !== location.origin) return null;
      return { ...cue, sheet: sheet(cue.file) };
    },
  };
}

function seconds(text) {
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}
