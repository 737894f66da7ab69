"""The command line: exit codes, errors, start-up; verbs with the cluster or FFmpeg behind them replaced by fakes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from framefleet import __version__
from framefleet.access import AccessKeys
from framefleet.adapters.directory import DirectoryStore
from framefleet.cli.main import main
from framefleet.domain.errors import UnknownField
from framefleet.domain.states import TaskState
from framefleet.embedded.data import DataFolder
from framefleet.seal import Seal
from tests.unit.test_live import subtask, succeeded, task

HEAVY = ("pydantic", "pika", "rich", "redis", "yaml", "structlog", "minio")


class Embedded(ModuleType):
    """Stands in for `framefleet.embedded`: remembers what it was asked and gives prepared answers."""

    def __init__(self) -> None:
        super().__init__("framefleet.embedded")
        self.asked: dict[str, Any] = {}
        self.record = succeeded()
        self.error: Exception | None = None

    def run_task(self, request: dict[str, Any], **options: Any) -> Any:
        self.asked = {"request": request, **options}
        if self.error is not None:
            raise self.error
        options["on_update"](task(subtasks=(subtask(1, "running"),)))
        return self.record


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Embedded:
    fake = Embedded()
    monkeypatch.setitem(sys.modules, "framefleet.embedded", fake)
    return fake


@pytest.fixture(autouse=True)
def templates_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


def test_the_parser_imports_nothing_heavy() -> None:
    script = (
        "import sys; from framefleet.cli.main import main, parser; parser(); main(['version'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["version"] == __version__


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["fly"],
        ["run", "a.mov", "--template", "snapshot"],
        ["run", "-o", "out"],
        ["run", "a.mov", "--template", "snapshot", "--output", "o", "--slots", "0"],
        ["list", "--state", "lost"],
        ["submit", "f", "--timeout", "-1"],
    ],
)
def test_bad_usage_ends_with_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)

    assert ended.value.code == 2


@pytest.mark.parametrize(
    "argv",
    [
        ["status", "t"],
        ["list"],
        ["watch", "t"],
        ["cancel", "t"],
        ["restart", "t"],
        ["priority", "t", "9"],
        ["drain", "h"],
        ["undrain", "h"],
        ["workers"],
        ["watch"],
    ],
    ids=" ".join,
)
def test_a_cluster_verb_without_an_address_says_which_is_missing(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "--json"]) == 2

    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "not_configured"
    assert error["message"].startswith("FRAMEFLEET_")


def test_an_unusable_setting_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FRAMEFLEET_MAX_PIXELS", "many")

    assert main(["list"]) == 2

    assert capsys.readouterr().err.startswith("framefleet: FRAMEFLEET_MAX_PIXELS: ")


def test_a_wrong_address_is_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("FRAMEFLEET_REDIS_URL", "http://h:hunter2@x")
    monkeypatch.setenv("FRAMEFLEET_BROKER_URL", "nonsense://")
    (tmp_path / "r.json").write_text("{}")

    assert main(["list"]) == 2
    assert main(["submit", str(tmp_path / "r.json")]) == 2

    assert "hunter2" not in capsys.readouterr().err


def test_who_makes_a_key_for_a_server_here_is_told_when_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store").mkdir()

    assert main(["keys", "create", "--role", "admin", "--data", str(tmp_path)]) == 0
    assert "FRAMEFLEET_API_KEYS=on" in capsys.readouterr().out
    assert main(["keys", "create", "--role", "admin", "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["role"] == "admin"


@pytest.mark.parametrize("setting", [None, "a seal key of the operator's own"])
def test_a_key_of_a_folder_is_sealed_as_its_server_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, setting: str | None
) -> None:
    (tmp_path / "store").mkdir()
    if setting is not None:
        monkeypatch.setenv("FRAMEFLEET_SEAL_KEY", setting)

    assert main(["keys", "create", "--role", "producer", "--data", str(tmp_path), "--json"]) == 0
    capsys.readouterr()
    assert not (tmp_path / "seal_key").exists()
    assert main(["keys", "create", "--role", "producer", "--signs", "--data", str(tmp_path), "--json"]) == 0

    made = json.loads(capsys.readouterr().out)
    seal = Seal(setting or DataFolder(tmp_path).seal_key())
    access = AccessKeys(DirectoryStore(tmp_path / "store"), seal=seal)
    key = access.in_force(made["id"])
    assert key is not None
    assert access.secret_of(key) == made["secret"]


def test_run_makes_a_request_of_its_options(embedded: Embedded, tmp_path: Path) -> None:
    argv = ["run", "/films/my film.mov", "https://h/b.mp4", "-t", "mp4-h264-360p", "-t", "snapshot"]

    assert main([*argv, "-o", str(tmp_path), "--slots", "3", "--set", "mp4-h264-360p:video.crf=30", "--json"]) == 0

    assert embedded.asked["slots"] == 3
    assert embedded.asked["output"] == tmp_path
    assert isinstance(embedded.asked["stop"], threading.Event)
    request = embedded.asked["request"]
    assert request["name"] == "my film"
    assert [s["uri"] for s in request["sources"]] == ["file:///films/my%20film.mov", "https://h/b.mp4"]
    assert request["targets"] == [
        {
            "name": "mp4-h264-360p",
            "template": "mp4-h264-360p",
            "uri": f"{tmp_path.as_uri()}/my%20film-mp4-h264-360p.mp4",
            "overrides": {"video": {"crf": 30}},
        },
        {
            "name": "snapshot",
            "template": "snapshot",
            "uri": f"{tmp_path.as_uri()}/my%20film-snapshot_{{index:03d}}.jpg",
        },
    ]


def test_run_takes_a_request_whose_addresses_are_paths(
    embedded: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mark = {"kind": "image", "uri": "my logo.png"}
    body = {
        "sources": [{"uri": "a film.mov", "start": 2}, {"uri": "https://h/b.mp4", "subtitles": [{"uri": "b.srt"}]}],
        "targets": [
            {"name": "x", "template": "snapshot", "uri": "deep/x_{index:03d}.jpg"},
            {
                "name": "y",
                "template": "mp4-h264-360p",
                "uri": "s3://b/y.mp4",
                "overrides": {"video": {"watermarks": [mark]}},
            },
        ],
    }
    (tmp_path / "task.json").write_text(json.dumps(body))

    assert main(["run", "task.json", "-o", "out", "--json"]) == 0

    request, here = embedded.asked["request"], tmp_path.as_uri()
    assert request["sources"][0] == {"uri": f"{here}/a%20film.mov", "start": 2}
    assert request["sources"][1] == {"uri": "https://h/b.mp4", "subtitles": [{"uri": f"{here}/b.srt"}]}
    assert [t["uri"] for t in request["targets"]] == [f"{here}/out/deep/x_{{index:03d}}.jpg", "s3://b/y.mp4"]
    assert request["targets"][1]["overrides"]["video"]["watermarks"][0]["uri"] == f"{here}/my%20logo.png"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["film.mov"], "needs a --template"),
        (["a.json", "b.json"], "needs a --template"),
        (["task.json", "--set", "video.crf=1"], "--set goes with --template"),
        (["task.json", "--name", "x"], "--name goes with --template"),
        (["gone.json"], "there is no file gone.json"),
    ],
)
def test_run_without_a_template_wants_a_request(
    argv: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *argv, "-o", str(tmp_path), "--json"]) == 2

    assert words in json.loads(capsys.readouterr().out)["error"]["message"]


def test_run_tells_its_course_and_ends_with_what_was_made(
    embedded: Embedded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "a.mov", "-t", "snapshot", "-o", str(tmp_path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "started: film: hd"
    assert lines[-1] == "succeeded in 9.0 s"


def test_run_ends_with_1_when_a_target_failed(embedded: Embedded, tmp_path: Path) -> None:
    embedded.record = task("failed", finished_at=task().created_at)

    assert main(["run", "a.mov", "-t", "snapshot", "-o", str(tmp_path), "--json"]) == 1


def test_an_interrupted_run_says_how_to_continue(
    embedded: Embedded, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.record = task("running")
    argv = ["run", "my film.mov", "-t", "snapshot", "-o", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["framefleet", *argv])

    assert main(argv) == 1

    assert f"framefleet run 'my film.mov' -t snapshot -o {tmp_path}" in capsys.readouterr().err


def test_a_refused_request_ends_with_2_and_names_the_field(
    embedded: Embedded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    embedded.error = UnknownField("x is not a field of a task", field="x")

    assert main(["run", "a.mov", "-t", "snapshot", "-o", str(tmp_path)]) == 2

    said = capsys.readouterr().err
    assert "x is not a field of a task [unknown_field]" in said
    assert "in: x" in said
    assert "Remove the field" in said


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (["video.crff=1"], "unknown_field"),
        (["video.crf=900"], "invalid_template"),
        (["video.crf"], "invalid_request"),
        (["sprite:columns=3"], "unknown_template"),
    ],
)
def test_wrong_overrides_are_refused(
    embedded: Embedded, settings: list[str], code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["run", "a.mov", "-t", "mp4-h264-360p", "-o", str(tmp_path), "--json"]

    assert main([*argv, *(part for one in settings for part in ("--set", one))]) == 2

    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
    assert embedded.asked == {}


def test_an_output_that_is_a_file_is_refused(embedded: Embedded, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    assert main(["run", "a.mov", "-t", "snapshot", "-o", str(tmp_path / "out")]) == 2


@pytest.mark.parametrize("body", ["not json", "[]", None])
def test_a_request_that_is_none_is_refused(
    body: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRAMEFLEET_BROKER_URL", "amqp://nowhere/")
    file = tmp_path / "request.json"
    if body is not None:
        file.write_text(body)

    assert main(["submit", str(file), "--json"]) == 2

    assert json.loads(capsys.readouterr().out)["error"]["code"] == "invalid_request"


def test_states_on_the_command_line_are_those_of_tasks() -> None:
    from framefleet.cli.main import _STATES

    assert set(_STATES) == set(TaskState)


def test_a_template_nobody_knows_is_named_with_its_place(
    embedded: Embedded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "a.mov"
    source.touch()

    assert main(["run", str(source), "--template", "nosuch", "-o", str(tmp_path), "--json"]) == 2

    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["field"]) == ("unknown_template", "--template nosuch")
    assert "'nosuch'" in error["message"]
    assert not embedded.asked


@pytest.mark.parametrize(("content", "said"), [(None, "there is no file"), (b"\xff\xfe\x00", "is not text")])
def test_what_cannot_be_submitted_is_named_with_what_can(
    content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "film.mov"
    if content is not None:
        file.write_bytes(content)

    assert main(["submit", str(file)]) == 2

    told = capsys.readouterr().err
    assert f"{file}" in told
    assert said in told
    assert "a request as JSON" in told
    assert "media with --template" in told


def test_every_verb_is_on_the_page_of_the_command_line() -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "cli.md").read_text("utf-8")
    shown = subprocess.run(
        [sys.executable, "-m", "framefleet.cli.main", "--help"], capture_output=True, text=True, check=True
    ).stdout
    verbs = {line.split()[0] for line in shown.splitlines() if line.startswith("    ") and line[4:5].isalpha()}

    assert {"run", "submit", "undrain", "cache"} <= verbs
    assert {verb for verb in verbs if f"framefleet {verb}" not in page} == {"version"}
    assert "framefleet cache clear" in page


@pytest.mark.parametrize("port", ["99999", "65536", "-1", "x"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--data", str(tmp_path / "data"), "--port", port])

    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError(5, "a disk that is broken"), ValueError("a defect")])
def test_what_goes_wrong_later_is_not_told_as_the_address_or_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import framefleet.embedded.serve as embedded

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(embedded, "serve", broken)
    with pytest.raises(type(error)) as told:
        main(["serve", "--data", str(tmp_path / "data"), "--port", "0"])

    assert told.value is error
