"""Pages of what was seen on the wire (`make seen`): `python -m tests.clouds.seen RECORDED docs/howto`.

RECORDED is a folder that `recording` has written to while the tests of tests/clouds passed. Made are `clouds-seen.md`, a table of every
operation that an SDK asked for, and `sessions/`: for each SDK a session from submit to an output that was looked at.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from framefleet_scheduler.clouds.alibaba.envelope import Alibaba
from framefleet_scheduler.clouds.signatures import Claim, Malformed, Scheme, acs3, recognize, rpc1, tc1, tc3
from framefleet_scheduler.clouds.tencent.envelope import Tencent
from framefleet_scheduler.clouds.visionular.front import PREFIX
from framefleet_scheduler.clouds.wire import RawRequest, query_pairs
from tests.clouds.sdks import SDKS

HTTP = "plain HTTP"
DOORS = {"2020-09-30": "imm", "2020-11-09": "ice", "2018-07-17": "vod", "2019-06-12": "mps"}
NAMES = {
    "imm": "Alibaba Cloud IMM",
    "ice": "Alibaba Cloud ICE",
    "vod": "Tencent Cloud VOD",
    "mps": "Tencent Cloud MPS",
    "visionular": "Visionular AuroraCloud",
}
PACKAGES = {
    "imm5": "alibabacloud-imm20200930",
    "imm4": "alibabacloud-imm20200930",
    "ice6": "alibabacloud-ice20201109",
    "ice5": "alibabacloud-ice20201109",
    "acscore": "aliyun-python-sdk-core",
}
"""By their folders; Tencent's folder has a package for each door."""
SESSIONS = {
    "imm5": "test_imm.py::test_a_task_is_made_polled_and_listed[sync-imm5]",
    "imm4": "test_imm.py::test_a_task_is_made_polled_and_listed[async-imm4]",
    "ice6": "test_every_sdk_submits_polls_and_lists[ice6-sync]",
    "ice5": "test_every_sdk_submits_polls_and_lists[ice5-async]",
    "acscore": "test_every_sdk_submits_polls_and_lists[acscore-core]",
    "vod": "test_documented_kinds_of_elements_have_the_outputs_that_were_asked_for",
    "mps": "test_a_film_becomes_what_the_template_says",
    "visionular": "test_the_program_of_their_document_makes_a_dash_stream",
}
"""Name of the page -> the test."""
_SCHEMES = {Scheme.ACS3: acs3, Scheme.RPC1: rpc1, Scheme.TC3: tc3, Scheme.TC1: tc1}
_HERE = re.compile(r"127\.0\.0\.1:\d+")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of an SDK, and its answer."""

    sdk: str
    """In words: package and version."""
    test: str
    door: str
    action: str
    how: str
    """Signature and HTTP method."""
    parameters: dict[str, Any]
    status: int
    answer: dict[str, Any]
    code: str
    """Of a refusal; '' where there is none."""


@dataclass(frozen=True, slots=True)
class Look:
    """What FFmpeg's prober said of an output."""

    test: str
    path: str
    probe: dict[str, Any]


@dataclass(slots=True)
class Row:
    """An operation as one SDK asked for it."""

    ways: set[str] = field(default_factory=set)
    examples: Counter[str] = field(default_factory=Counter)
    """Tests to which it was answered."""
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def read(folder: Path) -> Iterator[Exchange | Look]:
    """What was recorded, in order of each process; what is no operation of a door is left out."""
    for name in sorted(folder.glob("*.jsonl")):
        for line in name.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            if "probe" in said:
                yield Look(said["test"], said["path"], said["probe"])
            elif (exchange := _exchange(said)) is not None:
                yield exchange


def rows(exchanges: Iterable[Exchange]) -> dict[tuple[str, str, str], Row]:
    """By door, SDK and operation."""
    found: dict[tuple[str, str, str], Row] = {}
    for one in exchanges:
        row = found.setdefault((one.door, one.sdk, one.action), Row())
        row.ways.add(one.how)
        example = one.test.rpartition("::test_")[2].partition("[")[0].replace("_", " ")
        if one.code:
            row.refused[one.code] += 1
        else:
            row.answered += 1
            row.examples[example] += 1
    return found


def table(found: dict[tuple[str, str, str], Row]) -> str:
    """The page."""
    lines = [
        "# What was seen of the clouds' SDKs",
        "",
        "Made by `make seen` from what went over the wire while all tests of `tests/clouds` passed: the vendors' own SDKs, from",
        "PyPI and unchanged, against a `framefleet serve`. An example is the test that asked; each test checks what it is told and,",
        "where something is made, the outputs. Refusals are those that tests ask for. Sessions from submit to an output:",
        ", ".join(f"[{name}](sessions/{name}.md)" for name in SESSIONS) + ".",
    ]
    for door, title in NAMES.items():
        lines += ["", f"## {title}", "", "| SDK | operation | signed, sent | example | answered | refused with |"]
        lines += ["|---|---|---|---|---|---|"]
        for (whose, sdk, action), row in sorted(found.items()):
            if whose == door:
                more = f" and {len(row.examples) - 1} more" if len(row.examples) > 1 else ""
                codes = ", ".join(f"`{code}` {count}" for code, count in sorted(row.refused.items()))
                ways = ", ".join(sorted(row.ways))
                lines.append(
                    f"| {sdk} | `{action}` | {ways} | {next(iter(row.examples), '')}{more} | {row.answered} | {codes} |"
                )
    return "\n".join([*lines, ""])


def session(events: list[Exchange | Look]) -> str:
    """A page of one test."""
    exchanges = [one for one in events if isinstance(one, Exchange)]
    first = next((one for one in exchanges if one.sdk != HTTP), exchanges[0])
    lines = [
        f"# {NAMES[first.door]}: a session of {first.sdk}",
        "",
        f"Recorded on the wire by `make seen`, with {first.how}. Signatures and keys are left out; parameters that are JSON in a",
        "text are shown unpacked.",
    ]
    asked = 0
    for at, one in enumerate(events):
        if isinstance(one, Look):
            if one in events[:at]:
                continue
            lines += ["", f"**Output `{one.path}`**, as ffprobe has it: {_in_words(one.probe)}"]
            continue
        asked += 1
        later = events[at + 1] if at + 1 < len(events) else None
        if isinstance(later, Exchange) and (later.action, later.parameters) == (one.action, one.parameters):
            continue
        times = f", asked {asked} times; the last answer" if asked > 1 else ""
        asked = 0
        by = "" if one.sdk == first.sdk else f" ({one.sdk})"
        lines += ["", f"## {one.action}{by}", "", *_json(one.parameters), "", f"answered {one.status}{times}:", ""]
        lines += _json(one.answer)
    return "\n".join([*lines, ""])


def main(recorded: Path, folder: Path) -> None:
    """Write the pages."""
    events = list(read(recorded))
    (folder / "clouds-seen.md").write_text(
        table(rows(one for one in events if isinstance(one, Exchange))), encoding="utf-8"
    )
    (folder / "sessions").mkdir(exist_ok=True)
    for name, test in SESSIONS.items():
        of_test = [one for one in events if one.test.endswith(test)]
        page = _HERE.sub("framefleet.example.org", session(of_test))
        (folder / "sessions" / f"{name}.md").write_text(page, encoding="utf-8")


def _exchange(said: dict[str, Any]) -> Exchange | None:
    raw = _request(said["request"].encode("latin-1"))
    head, _, body = said["answer"].encode("latin-1").partition(b"\r\n\r\n")
    status = int(head.split()[1])
    about = _visionular(raw) if raw.path.startswith(PREFIX) else _signed(raw)
    if about is None:
        return None
    door, action, how, parameters = about
    answer = json.loads(body)
    if door == "visionular":
        code = str(answer["code"] or "")
    elif door in {"vod", "mps"}:
        code = answer["Response"].get("Error", {}).get("Code", "")
    else:
        code = answer["Code"] if status >= 400 else ""
    return Exchange(_version(said["sdk"], door), said["test"], door, action, how, parameters, status, answer, code)


def _request(text: bytes) -> RawRequest:
    head, _, body = text.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, address, _ = first.split(" ")
    path, _, query = address.partition("?")
    headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return RawRequest(method, path, query, headers, body, "")


def _visionular(raw: RawRequest) -> tuple[str, str, str, dict[str, Any]]:
    parameters: dict[str, Any] = {}
    try:  # some tests send what cannot be read
        parameters = dict(query_pairs(raw.query)) | (json.loads(raw.body) if raw.body.startswith(b"{") else {})
    except (ValueError, RecursionError):
        pass
    return "visionular", f"{raw.method} {raw.path.removeprefix(PREFIX)}", f"Basic {raw.method}", parameters


def _signed(raw: RawRequest) -> tuple[str, str, str, dict[str, Any]] | None:
    scheme = recognize(raw)
    if scheme is None:
        return None
    try:
        claim: Claim = _SCHEMES[scheme].claimed(raw)
    except Malformed:
        return None
    family = Alibaba({}) if scheme in {Scheme.ACS3, Scheme.RPC1} else Tencent({})
    try:
        parameters = family.parameters(raw, claim)
    except ValueError:
        parameters = {}
    door = DOORS.get(claim.version)
    return None if door is None else (door, claim.action, f"{scheme} {raw.method}", parameters)


def _version(sdk: str, door: str) -> str:
    """Package and version."""
    if door == "visionular":
        return "the program of the document" if sdk == "visionular" else HTTP
    package = f"tencentcloud-sdk-python-{door}" if sdk == "tencent" else PACKAGES[sdk]
    found = next(one for one in distributions(path=[str(SDKS / sdk)]) if plain(one.metadata["Name"]) == package)
    return f"{found.metadata['Name']} {found.version}"


def plain(name: str) -> str:
    """A package as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _in_words(probe: dict[str, Any]) -> str:
    words = [f"{probe['format']['format_name']}, {float(probe['format'].get('duration', 0)):.2f} s"]
    for one in probe["streams"]:
        if one["codec_type"] == "video":
            words.append(f"{one['codec_name']} {one['width']}x{one['height']} at {one['avg_frame_rate']}/s")
        elif one["codec_type"] == "audio":
            words.append(f"{one['codec_name']}, {one['channels']} channels at {one['sample_rate']} Hz")
        else:
            words.append(f"{one['codec_type']} {one.get('codec_name', '')}")
    return "; ".join(words) + "."


def _json(value: Any) -> list[str]:
    return ["```json", json.dumps(_unpacked(value), indent=2, ensure_ascii=False), "```"]


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unpacked(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_unpacked(one) for one in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return _unpacked(json.loads(value))
        except ValueError:
            return value
    return value


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
