"""Subtitles of a joined target: read, put on the joined timeline, embedded or written beside it, and proved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from framefleet.adapters.store_errors import shown
from framefleet.domain.address import source_address
from framefleet.domain.errors import FramefleetError, SourceEmpty, SourceNotMedia, SourceTooLarge, VerifyFailed
from framefleet.domain.languages import three_letters
from framefleet.domain.records import Check, PublishedFile
from framefleet.domain.subtask import ConcatSpec, SubtitlePiece, SubtitleTrack
from framefleet.domain.subtitles import EMBEDDED, ONE_AT_A_TIME, STYLED
from framefleet.media.ass import ass, is_ass, parse_ass
from framefleet.media.command import Command
from framefleet.media.download import download_command
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.subtitles import (
    Cue,
    NoSubtitles,
    bare,
    decoded,
    extract_command,
    one_at_a_time,
    packets_command,
    parse,
    placed,
    srt,
    vtt,
)
from framefleet_workers import sources, verify
from framefleet_workers.parts import needed_tracks
from framefleet_workers.publish import publish_bytes
from framefleet_workers.work import SOURCE_URL_SECONDS, Work

MAX_BYTES = 10 << 20
"""Of a subtitle file: a film's has some 100 KiB."""
ROUNDING = 2
"""Milliseconds a container's clock may move a time."""
HUNDREDTHS = 10
"""Milliseconds ASS may move a time: it counts hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Written:
    """A track with its cues on the joined timeline."""

    track: SubtitleTrack
    cues: tuple[Cue, ...]
    head: str | None = None
    """Styles of an ASS track; None for one without looks."""

    def codec(self, container: str) -> str:
        """What it becomes in a container."""
        return (STYLED.get(container) if self.head is not None else None) or EMBEDDED.get(container, "")

    def file(self, codec: str) -> tuple[str, str]:
        """The demuxer that reads it as a file of a codec's form, and the file's text."""
        if codec == "ass":
            return "ass", ass(self.head, self.cues)
        cues = [c for c in self.cues if c.text]
        return ("webvtt", vtt(cues)) if codec == "webvtt" else ("srt", srt(cues))


def written(
    work: Work, tracks: Sequence[SubtitleTrack], *, looks: bool, single: bool = False
) -> tuple[list[Written], list[str]]:
    """Every track that has something to show, and warnings for those that have not or lose their looks.

    `looks`: those of ASS are kept. `single`: never two cues at once.
    """
    tracks = [track for track in tracks if not track.pictures]
    extracted = _extracted(work, tracks)
    found, warnings = [], []
    for track in tracks:
        cues: list[Cue] = []
        heads: set[str | None] = set()
        for piece in track.pieces:
            with _explained(work, piece.source, piece.file):
                text = _file(work, piece.source, piece.file) if piece.file is not None else extracted[_name(piece)]
                head, there = parse_ass(text) if is_ass(text) else (None, parse(text))
                seen = placed(there, piece.shift, piece.start, piece.end)
                cues += seen if looks else [replace(c, styled=None) for c in seen if c.text]
                heads |= {head} if seen and looks else set()
                cues = one_at_a_time(cues) if single else cues
        if len(heads) > 1:
            warnings.append(f"subtitles {track.id} look different in the sources and were left without looks")
        head = heads.pop() if len(heads) == 1 else None
        kept = tuple(sorted((c for c in cues if c.text or head is not None), key=lambda c: (c.start, c.end)))
        if kept:
            found.append(Written(track, kept, head))
        else:
            warnings.append(f"subtitles {track.id} show nothing inside the film and were left out")
    return found, warnings


def arranged(
    work: Work, spec: ConcatSpec, container: str
) -> tuple[list[Written], list[Written], list[SubtitleTrack], list[str]]:
    """The texts of a file, those of them that go into it, the tracks that are copied into it, and warnings."""
    looks = spec.sidecar == "ass" if spec.sidecar is not None else container in STYLED
    single = spec.sidecar is None and container in ONE_AT_A_TIME
    texts, warnings = written(work, spec.subtitles, looks=looks, single=single)
    drawn = [track for track in spec.subtitles if track.pictures]
    return texts, texts if spec.sidecar is None else [], drawn, warnings


def unseen(work: Work, spec: ConcatSpec) -> list[str]:
    """A warning where the subtitles in the picture show nothing."""
    if spec.burned is None:
        return []
    (made,) = needed_tracks(work, [spec.burned])[spec.burned].values()
    return [] if made.frames else ["the subtitles show nothing inside the film"]


def check_files(work: Work, source: int) -> None:
    """Raise what is wrong with the files that came with a source, before any work is done in vain."""
    for number in range(len(work.task.request.sources[source].subtitles)):
        with _explained(work, source, number):
            text = _file(work, source, number)
            parse_ass(text) if is_ass(text) else parse(text)


def laid(work: Work, tracks: Sequence[Written], container: str) -> list[tuple[str, str]]:
    """The tracks as files for FFmpeg to embed in that container, each with its demuxer."""
    found = []
    for one in tracks:
        demuxer, text = one.file(one.codec(container))
        path = work.path(f"{one.track.id}.{demuxer}")
        path.write_text(text, "utf-8")
        found.append((demuxer, str(path)))
    return found


def publish(
    work: Work, uri: str, tracks: Sequence[Written], form: str, given: Mapping[str, str]
) -> tuple[list[PublishedFile], list[Check]]:
    """A file for each track beside the target, named after it and the language, or as is `given` by the tracks' ids."""
    stem = re.sub(r"\.[^.]*$", "", uri.rsplit("/", 1)[1])
    names: dict[str, Written] = {}
    called: dict[str, Written] = {}
    for one in tracks:
        if one.track.id in given:
            called[f"{given[one.track.id]}.{form}"] = one
            continue
        # A source may call anything a language: only what looks like one becomes part of a name.
        language = three_letters(one.track.language or "")
        name = language if re.fullmatch(r"[a-z]{2,8}", language) else one.track.id
        names[f"{name}.{one.track.id}" if name in names else name] = one
    return publish_files(work, uri, {f"{stem}.{name}.{form}": one for name, one in names.items()} | called)


def publish_files(work: Work, uri: str, tracks: Mapping[str, Written]) -> tuple[list[PublishedFile], list[Check]]:
    """Each track as the file of that name beside the target, in the format its name ends with, once FFmpeg has read it."""
    found: list[Check] = []
    texts: dict[str, str] = {}
    for name, one in tracks.items():
        texts[name], checked = _read_back(work, one, name.rsplit(".", 1)[1])
        found += checked
    verify.require(found)
    return [publish_bytes(work, text.encode(), uri, "subtitles", name=name) for name, text in texts.items()], found


def readable(work: Work, tracks: Sequence[Written]) -> list[Check]:
    """FFmpeg must read every track as WebVTT."""
    return [line for one in tracks for line in _read_back(work, one, "vtt")[1]]


def _read_back(work: Work, one: Written, form: str) -> tuple[str, list[Check]]:
    codec = {"vtt": "webvtt", "srt": "subrip", "ass": "ass"}[form]
    _, text = one.file(codec)
    path = work.path(f"{one.track.id}.{form}")
    path.write_text(text, "utf-8")
    return text, _come_back(work, path, [(one, codec)], 0, 0)


def checks(
    work: Work, path: Path, tracks: Sequence[Written], where: tuple[int, str], moved: Fraction | None
) -> list[Check]:
    """Every cue must come out of the file again: its words, and its times to a container's clock.

    `where` is their first stream and the container. `moved` is by how much (s) the container has moved the picture: Matroska
    begins with an encoder's priming, and all comes that much later; None: times count from the file's beginning.
    """
    if not tracks:
        return []
    first, container = where
    return _come_back(
        work,
        path,
        [(one, one.codec(container)) for one in tracks],
        first,
        None if moved is None else round(moved * 1000),
    )


def _come_back(
    work: Work, path: Path, tracks: Sequence[tuple[Written, str]], first: int, shift: int | None
) -> list[Check]:
    wanted = [(first + i, codec, str(work.path(f"{one.track.id}.again"))) for i, (one, codec) in enumerate(tracks)]
    work.ffmpeg(extract_command(str(path), wanted, ours=True, absolute=shift is not None))
    shift = shift or 0
    found = []
    for (one, codec), (_, _, again) in zip(tracks, wanted, strict=True):
        cues = [c for c in one.cues if c.text or codec == "ass"]
        rounding = HUNDREDTHS if codec == "ass" else ROUNDING
        got = _parsed(Path(again))
        same = len(got) == len(cues) and all(
            abs(a.start + shift - b.start) <= rounding
            and abs(a.end + shift - b.end) <= rounding
            and bare(a.text) == bare(b.text)
            and (codec != "ass" or one.head is None or a.styled == b.styled)
            for a, b in zip(cues, got, strict=False)
        )
        told = f"{len(cues)} as planned"
        found.append(verify.check(f"{one.track.id}: subtitles", told, told if same else f"{len(got)}, or others"))
    return found


def copied(work: Work, tracks: Sequence[SubtitleTrack]) -> list[tuple[str, int, Fraction]]:
    """Streams that are copied, for `join_command`: address, index, and by how much (s) their times are moved."""
    return [(sources.address(work, t.pieces[0].source), t.pieces[0].stream or 0, t.pieces[0].shift) for t in tracks]


def copies(work: Work, path: Path, tracks: Sequence[SubtitleTrack], first: int, moved: Fraction | None) -> list[Check]:
    """Subtitles that are pictures must be the source's packets, at their times; `first` is their first stream, `moved` as for
    `checks`.
    """
    absolute = moved is not None
    found = []
    for number, (track, (url, index, shift)) in enumerate(zip(tracks, copied(work, tracks), strict=True), first):
        theirs, ours = (
            [*_packets(work, packets_command(place, stream, ours=ours, absolute=absolute))]
            for place, stream, ours in ((url, index, False), (str(path), number, True))
        )
        later = shift + moved if moved is not None else Fraction(0)
        same = [c for _, c in theirs] == [c for _, c in ours] and all(
            abs(a + later - b) * 1000 <= ROUNDING for (a, _), (b, _) in zip(theirs, ours, strict=False)
        )
        told = f"{len(theirs)} packets of the source"
        found.append(verify.check(f"{track.id}: subtitles", told, told if same else f"{len(ours)}, or others"))
    return found


def _packets(work: Work, command: Command) -> list[tuple[Fraction, tuple[int, int]]]:
    """Time (s), size and checksum of each packet."""
    parser, found = FrameCrcParser(), []

    def take(line: str) -> None:
        entry = parser.feed(line)
        if entry is not None:
            found.append((entry.pts * parser.time_bases[entry.stream], (entry.size, entry.checksum)))

    result = work.lines(command.argv(work.tools.ffmpeg), take)
    if result.returncode != 0:
        raise VerifyFailed("subtitles cannot be read again", log=result.tail)
    return found


def _parsed(path: Path) -> list[Cue]:
    try:
        text = path.read_text("utf-8", "replace")
        return parse_ass(text)[1] if is_ass(text) else parse(text)
    except (NoSubtitles, OSError):
        return []


def _name(piece: SubtitlePiece) -> str:
    return f"source-{piece.source}-{piece.stream}"


def _extracted(work: Work, tracks: Sequence[SubtitleTrack]) -> dict[str, str]:
    """The texts of all streams that are needed: each source is read once."""
    found: dict[str, str] = {}
    pieces = {_name(p): p for track in tracks for p in track.pieces if p.stream is not None}
    for source in sorted({p.source for p in pieces.values()}):
        wanted = {
            name: (p.stream, p.codec or "", str(work.path(f"{name}.txt")))
            for name, p in pieces.items()
            if p.source == source and p.stream is not None
        }
        work.ffmpeg(extract_command(sources.address(work, source), list(wanted.values())))
        found |= {name: Path(path).read_text("utf-8", "replace") for name, (_, _, path) in wanted.items()}
    return found


@contextmanager
def _explained(work: Work, number: int, file: int | None) -> Iterator[None]:
    """What cannot be read is the fault of the source, or of the file that came with it."""
    try:
        yield
    except NoSubtitles as error:
        source = work.task.request.sources[number]
        if file is None:
            field, uri, hint = f"sources[{number}].uri", source.uri, "Leave the track out with subtitles.tracks."
        else:
            field = f"sources[{number}].subtitles[{file}].uri"
            uri, hint = source.subtitles[file].uri, "Subtitle files are SRT, WebVTT or ASS."
        raise SourceNotMedia(
            f"the subtitles in {shown(uri)} cannot be read: {error}", field=field, hint=hint
        ) from error


def _file(work: Work, source: int, number: int) -> str:
    """A file that came with a source, through the storages; it never reaches FFmpeg as it is."""
    field = f"sources[{source}].subtitles[{number}].uri"
    address = source_address(work.task.request.sources[source].subtitles[number].uri, field)
    try:
        access = work.storages.source_url(address, SOURCE_URL_SECONDS, max_bytes=MAX_BYTES)
        if address.scheme in {"http", "https"}:
            data = _from_the_web(work, access.url, f"{source}-{number}")
        else:
            place = work.storages.locate(address, "source")
            data = place.store.get(place.key) or b""
    except FramefleetError as error:
        error.field = error.field or field
        raise
    if not data:
        raise SourceEmpty(field=field)
    if len(data) > MAX_BYTES:
        raise SourceTooLarge(f"the file has more than {MAX_BYTES} bytes", field=field, hint="Is it a film?")
    work.read_bytes += len(data)
    return decoded(data)


def _from_the_web(work: Work, url: str, name: str) -> bytes:
    work.reads_web = True
    path = work.path(f"file-{name}")
    work.ffmpeg(download_command(url, str(path), MAX_BYTES + 1))
    return path.read_bytes()
