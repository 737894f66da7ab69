"""The console on a real run: a server with keys, a task that has ended, and a browser that counts what goes wrong."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from framefleet.adapters.tools import find_ffmpeg
from tests.services.serve import Serve

_PATIENCE_SECONDS = 120.0
SMALL = {"codec": "h264", "width": 160, "height": 90, "crf": 30, "preset": "ultrafast"}
SMALLER = {**SMALL, "width": 96, "height": 54}
RUNGS = [{"name": "90p", "video": SMALL}, {"name": "54p", "video": SMALLER}]
SECONDS = 6
NASTY = """"><script>alert(1)</script><img src=x onerror=alert(2)>"""


def until(look: Callable[[], Any], what: str) -> Any:
    """The first answer that says something."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def film(path: Path) -> Path:
    """A few seconds with sound."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=10:duration={SECONDS}"]
    inputs += ["-f", "lavfi", "-i", f"sine=440:duration={SECONDS}"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run([find_ffmpeg(None).path, "-v", "error", *inputs, *codecs, str(path)], check=True)
    return path


def everything(source: Path, folder: str) -> dict[str, Any]:
    """A request for one of each that a page shows differently."""
    where = f"storage://outputs/{folder}"
    ladder = {"segment_seconds": 2, "renditions": RUNGS}
    return {
        "name": NASTY,
        "tags": {"show": NASTY},
        "user_data": NASTY,
        "sources": [{"uri": source.as_uri()}],
        "targets": [
            {"name": "film", "template": "mp4-h264-360p", "overrides": {"video": SMALL}, "uri": f"{where}/film.mp4"},
            {"name": "stream", "template": "cmaf-h264", "overrides": ladder, "uri": f"{where}/stream/main.m3u8"},
            {"name": "stills", "template": "snapshot", "uri": f"{where}/still_{{index:03d}}.jpg"},
            {"name": "scrub", "template": "sprite", "overrides": {"width": 80}, "uri": f"{where}/s_{{index:03d}}.jpg"},
            {"name": "sound", "template": "audio-aac", "uri": f"{where}/sound.m4a"},
        ],
    }


def small(source: Path, folder: str, **changes: Any) -> dict[str, Any]:
    """A request for one small file."""
    target = {"name": "x", "template": "mp4-h264-360p", "overrides": {"video": SMALL}}
    return {
        "name": "small",
        "sources": [{"uri": source.as_uri()}],
        "targets": [{**target, "uri": f"storage://outputs/{folder}/x.mp4"}],
        **changes,
    }


class Visitor:
    """Somebody in front of a browser. What the console of the browser complains about is kept."""

    def __init__(self, chromium: Any, server: Serve, **context: Any) -> None:
        self.server = server
        self.context = chromium.new_context(base_url=server.url, **context)
        self.context.set_default_timeout(_PATIENCE_SECONDS * 1000)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._alerted)

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _alerted(self, dialog: Any) -> None:
        self.complaints.append(f"alert: {dialog.message}")
        dialog.dismiss()

    def log_in(self) -> None:
        """With the server's key, through the form."""
        assert self.server.key is not None
        self.page.goto("/login")
        self.page.get_by_label("Key", exact=True).fill(self.server.key[0])
        self.page.get_by_label("Secret").fill(self.server.key[1])
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("heading", name="Tasks", exact=True).wait_for()

    def evaluate(self, script: str) -> Any:
        """A script's value."""
        return self.page.evaluate(script)

    def until(self, script: str) -> Any:
        """Until a script gives something: pages forbid what Playwright's own waiting does."""
        return until(lambda: self.page.evaluate(script), script)

    def close(self) -> None:
        """Go away."""
        self.context.close()
