"""concat by copying: pieces of matching sources, cut at keyframes, joined without encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from framefleet.domain.errors import CopyImpossible, VerifyFailed
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import Check, PublishedOutput
from framefleet.domain.subtask import ConcatSpec, CopiedPicture, CopyPiece, RemuxPackage
from framefleet.media.copies import LATER, cut_command
from framefleet.media.join import concat_list, join_command, languages
from framefleet.media.mpegts import APART
from framefleet.media.verify import packets_command
from framefleet_workers import metadata, sources, verify
from framefleet_workers.packets import Stream, read_packets
from framefleet_workers.publish import publish_file, published_media
from framefleet_workers.work import Work

REWRAPPED = frozenset({"ts"})
"""Containers that wrap packets anew, so that their bytes differ and only decoding proves them."""
OPTIONS = {"ts": APART}
"""Packets of sound do not adjoin where pieces meet."""
EDITED = frozenset({"mp4", "mov"})
"""Containers that can hide frames which others need to be decoded."""
TOGETHER = Fraction(1, 500)
"""Seconds a time may move in a container with a coarser clock."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One stream of all pieces: its list file, and its packets with their times on the joined timeline."""

    path: Path
    times: tuple[Fraction, ...]
    sums: tuple[tuple[int, int], ...]

    @property
    def start(self) -> Fraction:
        """When the first packet is shown, seconds."""
        return min(self.times)


def picture(work: Work, copied: CopiedPicture, container: str) -> Joined:
    """The picture that is copied beside other sound; raises CopyImpossible where not the planned frames would be shown."""
    cuts = [_cut(work, copied, piece, number) for number, piece in enumerate(copied.pieces)]
    for (cut,), piece in zip(cuts, copied.pieces, strict=True):
        hidden = sum(t * cut.base - LATER - piece.zero < -MARGIN for t in cut.times)
        shown = len(cut.times) - hidden
        if shown != piece.frames or (hidden and container not in EDITED):
            told = f"{shown} frames can be copied instead of {piece.frames}: some need others that are hidden"
            raise CopyImpossible(
                told if shown != piece.frames else f"the source hides frames that {container} would show",
                field=f"sources[{piece.source}].uri",
                hint="Encode the picture.",
            )
    return _joined(work, [cut[0] for cut in cuts], copied.pieces, "picture")


def turned(copied: RemuxPackage | CopiedPicture, media: MediaInfo, container: str) -> Check:
    """A player must turn the picture as the source says; raises CopyImpossible for a container that does not tell it to."""
    found = next((v.rotation for v in metadata.pictures(media)), None)
    if copied.rotation and found == 0:
        raise CopyImpossible(
            f"{container} does not say that the picture is turned by {copied.rotation} degrees",
            field=f"sources[{copied.pieces[0].source}].uri",
            hint="Use container mp4 or mov, or encode the picture.",
        )
    return verify.check("rotation", copied.rotation, found)


def picture_checks(
    work: Work, path: Path, copied: CopiedPicture, container: str, planned: Joined, found: Sequence[Stream]
) -> list[Check]:
    """Every packet of the picture must be in the file, at its time, and decode; `found` are the file's streams."""
    decoded = _decodes(work, path, copied.pieces)
    return [*_arrived(container, [planned], found), verify.check("frames decoded", copied.frames, decoded)]


def handle(work: Work, spec: ConcatSpec, package: RemuxPackage) -> PublishedOutput:
    """Cut, compare, join, prove, publish."""
    pieces = package.pieces
    cuts = [_cut(work, package, piece, number) for number, piece in enumerate(pieces)]
    streams = [_joined(work, [cut[i] for cut in cuts], pieces, f"stream-{i}") for i in range(len(package.streams))]
    with_video = package.frames is not None
    pictures, sounds = (streams[:1], streams[1:]) if with_video else ([], streams)
    path = work.path(f"joined.{package.container}")
    carried = package.carried
    command = join_command(
        str(pictures[0].path) if pictures else None,
        [str(s.path) for s in sounds],
        str(path),
        package.container,
        video_start=min(pictures[0].times) if pictures else Fraction(0),
        scale=None,
        audio_shifts=[min(s.times) for s in sounds],
        tags=carried.tags,
        tracks=languages(package.languages, package.container) | OPTIONS.get(package.container, {}),
        cover=metadata.cover(work, carried, package.container),
    )
    work.ffmpeg(metadata.equipped(work, command, carried, package.container), share=(0.5, 0.8))
    metadata.mark_speed(path, carried)
    media = published_media(work, path)
    moving = metadata.pictures(media)
    checks = [verify.check("streams", (len(pictures), len(sounds)), (len(moving), len(media.audio)))]
    checks += metadata.checks(carried, media, path)
    if with_video:
        checks.append(turned(package, media, package.container))
        checks.append(verify.check("frames", package.frames, len(pictures[0].times)))
    checks += _arrived(package.container, streams, read_packets(work, packets_command(str(path)), path))
    verify.require(checks)
    if with_video:
        checks.append(verify.check("frames decoded", package.frames, _decodes(work, path, pieces)))
        verify.require(checks)
    work.lease.confirm()
    file = publish_file(work, path, spec.uri)
    return PublishedOutput(
        files=(file,),
        media=media.model_dump(mode="json", exclude={"index"}),
        checks=tuple(checks),
        warnings=spec.warnings,
    )


def _cut(work: Work, package: RemuxPackage | CopiedPicture, piece: CopyPiece, number: int) -> list[Stream]:
    """The piece's streams, each in a file of its own with the source's times."""
    paths = [work.path(f"piece-{number}/{i}.{package.through}") for i in range(len(piece.streams))]
    command = cut_command(
        sources.unchanged(work, piece.source, piece.identity),
        [(index, str(path)) for index, path in zip(piece.streams, paths, strict=True)],
        package.through or "mp4",
        window=piece.window,
        # Less than half the distance of any two frames; sound is cut at the packet that begins there.
        margins=[MARGIN] * len(paths),
        start=piece.container_start,
        seek=piece.seek,
    )
    done = 0.5 / len(package.pieces)
    work.ffmpeg(command, share=(number * done, (number + 1) * done))
    found = []
    for path in paths:
        streams = read_packets(work, packets_command(str(path)), path)
        if not streams or not streams[0].times:
            raise CopyImpossible(
                f"a stream of source {piece.source + 1} has nothing to copy", field=f"sources[{piece.source}].uri"
            )
        found.append(streams[0])
    return found


MARGIN = Fraction(1, 10_000)
"""Seconds by which borders are moved down: no two frames are that close."""


def _joined(work: Work, cuts: Sequence[Stream], pieces: Sequence[CopyPiece], name: str) -> Joined:
    """List one stream's pieces; raises CopyImpossible when they need different headers."""
    for cut, piece in zip(cuts[1:], pieces[1:], strict=True):
        if cut.header != cuts[0].header:
            raise CopyImpossible(
                f"source {piece.source + 1} was encoded with other settings than source {pieces[0].source + 1}",
                field=f"sources[{piece.source}].uri",
            )
    placed = [[t * c.base - LATER - p.zero + p.offset for t in c.times] for c, p in zip(cuts, pieces, strict=True)]
    begins = [min(times) for times in placed]
    durations = [b - a for a, b in pairwise(begins)] + [Fraction(0)]
    listing = work.path(f"{name}.ffconcat")
    listing.write_text(concat_list([f"{c.path.parent.name}/{c.path.name}" for c in cuts], durations))
    return Joined(listing, tuple(t for times in placed for t in times), tuple(s for c in cuts for s in c.sums))


def _arrived(container: str, streams: Sequence[Joined], found: Sequence[Stream]) -> list[Check]:
    """Every packet must be there, at its time, and the tracks as far apart as in their sources."""
    checks = []
    shift: Fraction | None = None
    for i, (planned, got) in enumerate(zip(streams, found, strict=False)):
        if container not in REWRAPPED:
            told = f"{len(planned.sums)} as in the sources"
            same = list(planned.sums) == got.sums
            checks.append(verify.check(f"stream {i}: packets", told, told if same else f"{len(got.sums)}, or others"))
        shift = got.first - min(planned.times) if shift is None else shift
        times = sorted(t * got.base - shift for t in got.times)
        late = max((abs(a - b) for a, b in zip(sorted(planned.times), times, strict=False)), default=Fraction(0))
        checks.append(
            Check(
                check=f"stream {i}: times",
                expected=f"within {float(TOGETHER):.3f} s",
                found=f"{float(late):.6f} s",
                passed=late <= TOGETHER and len(times) == len(planned.times),
            )
        )
        checks.append(verify.check(f"stream {i}: times increase", True, all(a < b for a, b in pairwise(times))))
    return checks


def _decodes(work: Work, path: Path, pieces: Sequence[CopyPiece]) -> int:
    """Frames that decode without an error; raises CopyImpossible when some do not."""
    try:
        return len(verify.decoded_frames(work, path, video_scale=90_000))
    except VerifyFailed as error:
        raise CopyImpossible(
            "what would be copied does not decode whole: frames need others that are outside the trim, or are damaged",
            field=f"sources[{pieces[0].source}].uri",
            log=error.log,
        ) from error
