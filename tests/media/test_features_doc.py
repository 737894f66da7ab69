"""The table of features is true: its proofs exist, and its commands are accepted and planned on real films."""

from __future__ import annotations

import ast
import io
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest

from framefleet.cli import config, request
from framefleet.cli.main import parser
from framefleet.domain.errors import FramefleetError
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.task import accept, parse_request
from framefleet.domain.template import Listed
from framefleet.embedded import probe
from framefleet_scheduler.plan.planner import PlanSettings, plan_task
from tests.factories import NOW
from tests.media import judge

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in (ROOT / "docs" / "features.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| feature "))
]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25"]
TONES = ["-f", "lavfi", "-i", "sine=330:d=4", "-f", "lavfi", "-i", "sine=550:d=4"]
CHAPTERS = ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=2\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1\nSTART=2\nEND=4\n"
CUES = "1\n00:00:01,000 --> 00:00:02,000\nHello\n"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the commands name."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "cues.srt").write_text(CUES)
    (folder / "chapters.txt").write_text(CHAPTERS)
    (folder / "evil.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")

    def make(name: str, graph: str, *options: str) -> None:
        command = [judge.ffmpeg(), "-v", "error", "-y", "-f", "lavfi", "-i", graph, *options, name]
        subprocess.run(command, cwd=folder, check=True)

    maps = [arg for n in range(4) for arg in ("-map", str(n))]
    languages = [
        "-metadata:s:a:0",
        "language=eng",
        "-metadata:s:a:1",
        "language=deu",
        "-metadata:s:s:0",
        "language=eng",
    ]
    rich = [
        *TONES,
        "-i",
        "cues.srt",
        "-i",
        "chapters.txt",
        *maps,
        "-map_metadata",
        "4",
        *X264,
        "-c:a",
        "aac",
        *languages,
    ]
    make("film.mkv", "testsrc2=size=320x180:rate=25:duration=4", *rich)
    make("b.mov", "testsrc2=size=240x180:rate=25:duration=2", *X264)
    make("phone.mov", "testsrc2=size=180x320:rate=30:duration=2", *TONES[:4], *X264, "-c:a", "aac", "-shortest")
    make(
        "old.ts",
        "testsrc2=size=352x288:rate=25:duration=2,setsar=16/15",
        *X264,
        "-flags",
        "+ilme+ildct",
        "-x264opts",
        "tff=1",
    )
    tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    x265 = "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    make(
        "hdr.mp4", "testsrc2=size=320x180:rate=25:duration=2,format=yuv420p10le",
        "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", x265, *tags,
    )  # fmt: skip
    make("logo.png", "testsrc2=size=64x64", "-frames:v", "1")
    return folder


@cache
def probed(uri: str) -> MediaInfo:
    return probe(uri, config.settings())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_proof_exists(row: list[str]) -> None:
    file, name = row[1].strip("`").split("::")
    trees = [ast.parse(path.read_text()) for path in ROOT.joinpath("tests").rglob(file)]
    assert name in {f.name for tree in trees for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_command_is_accepted_and_planned(row: list[str], films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = re.findall(r"`(framefleet .*?)`", row[2])
    words = shlex.split(text.replace("\\|", "|"))[1:]
    if "<<<" in words:
        monkeypatch.setattr("sys.stdin", io.StringIO(words[words.index("<<<") + 1]))
        words = words[: words.index("<<<")]
    options = parser().parse_args(words)
    if options.verb[1] not in {"run", "plan"}:
        return
    monkeypatch.chdir(films)
    task = accept(parse_request(request.of_options(options, Listed(), Path("out"))), now=NOW)
    try:
        media = [probed(s.uri) for s in task.request.sources]
    except FramefleetError as error:
        assert (error.code, "evil.mp4" in words) == ("source_not_media", True)
        return
    assert plan_task(task, media, PlanSettings(gpu_slots=1)).subtasks
