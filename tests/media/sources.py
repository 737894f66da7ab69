"""Test films with a frame number burnt in as a bar code and a continuous tone: what is lost, doubled or spliced can be counted.

The bar code is a strip of 16 cells along the top: cell i is white when bit i of the frame's number is set. The tone is 997 Hz at
48 kHz. Films are made by FFmpeg alone and kept between runs, by the digest of how they are made.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

STRIP = 16
"""Lines of the bar code, of 360 (landscape) or 640 (portrait)."""
SECONDS = 26


@dataclass(frozen=True)
class Recipe:
    """How a film is made. `steps` get the program and the folder and leave `name` there."""

    name: str
    steps: Callable[[Maker], list[list[str]]]
    audio: bool = True
    portrait: bool = False
    expected_rate: str | None = None
    """Frames/s the plan must find; None: variable."""
    hidden: bool = False
    """The film begins inside the numbering (cut by stream copy)."""


@dataclass
class Maker:
    """Commands that recipes are built from."""

    ffmpeg: str
    folder: Path
    codec: list[str] = field(
        default_factory=lambda: ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-bf", "2"]
    )

    def film(
        self,
        out: str,
        rate: str,
        *,
        video: list[str] | None = None,
        audio: list[str] | None = None,
        size: str = "640x360",
        more: str = "",
    ) -> list[str]:
        """A film at a constant rate; `more` are further filters, `audio` None leaves out the sound."""
        width = size.split("x", maxsplit=1)[0]
        picture = f"testsrc2=size={size}:rate={rate}:duration={SECONDS},hue=H=t/3,noise=alls=8:allf=t:all_seed=1"
        bars = f"color=black:size=16x1:rate={rate}:duration={SECONDS},format=gray,geq=lum='255*mod(floor(N/pow(2\\,X))\\,2)'"
        graph = f"[0:v]format=yuv420p[p];[1:v]scale={width}:{STRIP}:flags=neighbor,format=yuv420p[b];[p][b]overlay=0:0{more}[v]"
        command = [self.ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", bars]
        sound: list[str] = []
        if audio is not None:
            command += ["-f", "lavfi", "-i", f"sine=frequency=997:sample_rate=48000:duration={SECONDS}"]
            sound = ["-map", "2:a", *audio]
        target = ["-t", str(SECONDS), "-fflags", "+bitexact", str(self.folder / out)]
        return [*command, "-filter_complex", graph, "-map", "[v]", *sound, *(video or self.codec), *target]

    def copy(
        self, source: str, out: str, *, before: list[str] | None = None, after: list[str] | None = None
    ) -> list[str]:
        """A stream copy."""
        inside = ["-i", str(self.folder / source), "-c", "copy", *(after or [])]
        return [self.ffmpeg, "-v", "error", "-y", *(before or []), *inside, str(self.folder / out)]


AAC = ["-c:a", "aac", "-b:a", "128k", "-ac", "2"]
IRREGULAR = ["-g", "97", "-keyint_min", "20"]


def _plain(out: str, rate: str, **more: object) -> Callable[[Maker], list[list[str]]]:
    return lambda m: [m.film(out, rate, video=[*m.codec, *IRREGULAR], audio=AAC, **more)]  # type: ignore[arg-type]


def _variable(m: Maker) -> list[list[str]]:
    """A phone's film: frames dropped now and then, times that jitter by 7 ms."""
    more = ",select='not(between(mod(t\\,13)\\,4\\,9)*eq(mod(n\\,3)\\,0))',settb=1/90000,setpts='PTS+630*mod(N\\,2)'"
    return [
        m.film(
            "vfr.mp4",
            "30",
            audio=AAC,
            more=more,
            video=[
                *m.codec,
                *IRREGULAR,
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "1/90000",
                "-video_track_timescale",
                "90000",
            ],
        )
    ]


OPEN = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    "20",
    "-x264-params",
    "open-gop=1:bframes=3:keyint=60:scenecut=0",
]


def _late(which: str, out: str) -> Callable[[Maker], list[list[str]]]:
    """Sound or picture half a second late."""

    def steps(m: Maker) -> list[list[str]]:
        first = str(m.folder / f"base-{out}")
        maps = ["-map", "0:v", "-map", "1:a"] if which == "video" else ["-map", "1:v", "-map", "0:a"]
        return [
            m.film(f"base-{out}", "25", video=[*m.codec, *IRREGULAR], audio=AAC),
            [
                m.ffmpeg,
                "-v",
                "error",
                "-y",
                "-itsoffset",
                "0.5",
                "-i",
                first,
                "-i",
                first,
                *maps,
                "-c",
                "copy",
                str(m.folder / out),
            ],
        ]

    return steps


def _portrait(m: Maker) -> list[list[str]]:
    """Stored lying down with a note to turn it, as phones do."""
    return [
        m.film("base-portrait.mp4", "30", audio=AAC, size="360x640", more=",transpose=1"),
        m.copy("base-portrait.mp4", "portrait.mov", after=["-metadata:s:v:0", "rotate=90"]),
    ]


RECIPES = {
    r.name: r
    for r in (
        Recipe("film24.mp4", _plain("film24.mp4", "24000/1001"), expected_rate="24000/1001"),
        Recipe("pal.mp4", _plain("pal.mp4", "25"), expected_rate="25"),
        Recipe("ntsc.mp4", _plain("ntsc.mp4", "30000/1001"), expected_rate="30000/1001"),
        Recipe("fast.mp4", _plain("fast.mp4", "60000/1001"), expected_rate="60000/1001"),
        Recipe("vfr.mp4", _variable),
        Recipe("opengop.mp4", lambda m: [m.film("opengop.mp4", "25", video=OPEN, audio=AAC)], expected_rate="25"),
        Recipe(
            "opengop.mkv",
            lambda m: [m.film("base-og.mp4", "25", video=OPEN, audio=AAC), m.copy("base-og.mp4", "opengop.mkv")],
            expected_rate="25",
        ),
        Recipe(
            "edit.mp4",
            lambda m: [
                m.film("base-edit.mp4", "25", video=[*m.codec, *IRREGULAR], audio=AAC),
                m.copy("base-edit.mp4", "edit.mp4", before=["-ss", "5.3"]),
            ],
            expected_rate="25",
            hidden=True,
        ),
        Recipe(
            "offset.ts",
            lambda m: [
                m.film("base-ts.mp4", "25", video=[*m.codec, *IRREGULAR], audio=AAC),
                m.copy("base-ts.mp4", "offset.ts"),
            ],
            expected_rate="25",
        ),
        Recipe("portrait.mov", _portrait, portrait=True, expected_rate="30"),
        Recipe(
            "surround.mp4",
            lambda m: [m.film("surround.mp4", "25", audio=["-c:a", "aac", "-b:a", "256k", "-ac", "6"])],
            expected_rate="25",
        ),
        Recipe("silent.mp4", lambda m: [m.film("silent.mp4", "25")], audio=False, expected_rate="25"),
        Recipe("videolate.mp4", _late("video", "videolate.mp4"), expected_rate="25"),
        Recipe("soundlate.mp4", _late("audio", "soundlate.mp4"), expected_rate="25"),
        Recipe(
            "film.mkv",
            lambda m: [
                m.film("base-mkv.mp4", "30000/1001", video=[*m.codec, *IRREGULAR], audio=AAC),
                m.copy("base-mkv.mp4", "film.mkv"),
            ],
            expected_rate="30000/1001",
        ),
        Recipe(
            "film.webm",
            lambda m: [
                m.film(
                    "film.webm",
                    "25",
                    video=[
                        "-c:v",
                        "libvpx-vp9",
                        "-deadline",
                        "realtime",
                        "-cpu-used",
                        "8",
                        "-crf",
                        "30",
                        "-b:v",
                        "0",
                        "-g",
                        "80",
                    ],
                    audio=["-c:a", "libopus", "-b:a", "96k"],
                )
            ],
            expected_rate="25",
        ),
    )
}


def make(name: str, ffmpeg: str | None = None) -> Path:
    """The film of that name, made now if it is not there yet."""
    program = ffmpeg or shutil.which("ffmpeg")
    if program is None:
        raise FileNotFoundError("ffmpeg")
    recipe = RECIPES[name]
    plan = recipe.steps(Maker("ffmpeg", Path("/")))
    digest = hashlib.sha256(repr(plan).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "framefleet-tests" / digest
    path = folder / name
    if not path.exists():
        work = folder / f"making-{os.getpid()}"
        work.mkdir(parents=True, exist_ok=True)
        for command in recipe.steps(Maker(program, work)):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        (work / name).rename(path)
        shutil.rmtree(work)
    return path
