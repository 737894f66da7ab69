// Plays an address: from the beginning, then from `middle` over `until`. Resolves with what was really shown.
async ({ address, player, middle, until, rungs = [] }) => {
  const video = document.createElement("video");
  video.muted = true;
  document.body.replaceChildren(video);
  const failed = new Promise((_, reject) => {
    video.addEventListener("error", () => reject(new Error(`media error ${video.error.code}: ${video.error.message}`)));
    setTimeout(() => reject(new Error(`not played in time: at ${video.currentTime} s, ready ${video.readyState}`)), 30000);
  });
  const reached = (seconds) =>
    new Promise((resolve) => {
      const look = () => (video.currentTime >= seconds ? resolve() : video.requestVideoFrameCallback(look));
      look();
    });
  const play = async () => {
    let engine = null;
    if (player === "shaka") {
      shaka.polyfill.installAll();
      engine = new shaka.Player();
      await engine.attach(video);
      await engine.load(address);
    } else {
      video.src = address;
      await new Promise((resolve) => video.addEventListener("loadedmetadata", resolve, { once: true }));
    }
    const [texts] = player === "shaka" ? engine.getTextTracks() : [];
    if (texts) engine.selectTextTrack(texts);
    await video.play();
    await reached(0.2);
    const heights = [];
    for (const height of rungs) {
      engine.configure({ abr: { enabled: false } });
      engine.selectVariantTrack(engine.getVariantTracks().find((track) => track.height === height), true);
      while (video.videoHeight !== height) await new Promise((resolve) => setTimeout(resolve, 20));
      const from = video.currentTime;
      await reached(from + 0.2);
      heights.push(video.videoHeight);
    }
    video.currentTime = middle;
    await reached(until);
    video.pause();
    const images = player === "shaka" ? engine.getImageTracks() : [];
    const thumbnail = images.length ? await engine.getThumbnails(images[0].id, middle) : null;
    let cues = null;
    if (texts) {
      const all = () => [...video.textTracks].flatMap((track) => [...(track.cues ?? [])]);
      while (!all().some((cue) => cue.text === "last")) await new Promise((resolve) => setTimeout(resolve, 50));
      // A player may place a transport stream by its first decode time: the texts have to move with the picture.
      const moved = video.buffered.start(0);
      cues = all().map((cue) => [cue.startTime - moved, cue.endTime - moved, cue.text, texts.language]);
    }
    return { heights, cues, thumbnail: thumbnail && [thumbnail.positionX, thumbnail.positionY, thumbnail.width, thumbnail.startTime], width: video.videoWidth, height: video.videoHeight, duration: video.duration, at: video.currentTime };
  };
  return Promise.race([play(), failed]);
};
