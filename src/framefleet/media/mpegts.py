"""MPEG-TS segments (ISO/IEC 13818-1): the command that makes them by copying, and a reader that judges them.

One process writes all segments of a track, so continuity counters and clocks run on over every border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, file_input, output

PACKET = 188
CLOCK = 90_000
ZERO = Fraction(10)
"""Seconds the clock of all tracks shows at the film's beginning: TS has no times below zero, and B-frames are decoded earlier
than they are shown."""
APART = {"pes_payload_size": 0}
"""Options of the muxer that give each packet of sound a time of its own. Else several share one, since each time takes whole
packets of 188 bytes, and are taken to adjoin."""

EVEN = Fraction(1, 500)
"""Seconds by which packets that adjoin may be off even distances: Matroska and FLV round to the millisecond."""


class BadTransportStream(ValueError):
    """The bytes are not the transport stream we expect."""


@dataclass(frozen=True, slots=True)
class TsSegment:
    """What one segment of one track holds. Ticks are of the 90 kHz clock, from `ZERO`."""

    first: int
    """Smallest presentation time."""
    frames: int
    """Packets with a time that begin in it: each frame of a picture is one, frames of sound share them."""
    key_bytes: int
    """Bytes up to the end of the first of them."""
    counters: dict[int, tuple[int, int]]
    """Per PID the first and the last continuity counter."""


def segment_command(
    source: str,
    pattern: str,
    *,
    video: bool,
    start: Fraction,
    segment_seconds: Fraction,
    start_number: int = 0,
    even: bool = True,
) -> Command:
    """Copy one track into TS segments in `pattern` (with %d): video from an ffconcat list, sound from a file.

    `start` is when the first frame is, seconds on the film's clock; a sound file has its own times. Video is cut at the
    keyframes that begin segments: `segment_seconds` apart or a little more. Sound that is not `even` has a time for each
    packet.
    """
    options: dict[str, Any] = {"itsoffset": decimal(ZERO + (start if video else 0), 9)}
    if video:
        options |= {"f": "concat", "safe": 0, "auto_convert": 0, "protocol_whitelist": "file"}
    stream = file_input(source, **options)["v:0" if video else "a:0"]
    muxer = {"mpegts_copyts": 1} | ({} if even else APART)
    mux = {
        "c": "copy",
        "map_metadata": -1,
        "fflags": "+bitexact",
        "f": "hls",
        "avoid_negative_ts": "disabled",
        "hls_time": decimal(segment_seconds),
        "hls_list_size": 0,
        "hls_playlist_type": "vod",
        "hls_segment_options": ":".join(f"{k}={v}" for k, v in muxer.items()),
        "hls_segment_filename": pattern,
        "start_number": start_number,
    }
    return build([output(stream, pattern.replace("%d", "list") + ".m3u8", mux)], global_args=("-copyts",))


def adjoining(times: Sequence[int], base: Fraction) -> bool:
    """Whether packets of sound at these times (ticks of `base` seconds) neither overlap nor leave holes."""
    steps, begin, length = len(times) - 1, times[0], times[-1] - times[0]
    most = EVEN / base * steps
    return all(abs((time - begin) * steps - n * length) <= most for n, time in enumerate(times))


def read_segment(data: bytes) -> TsSegment:
    """Judge one segment with one elementary stream; raises BadTransportStream when it is damaged."""
    if len(data) % PACKET or not data:
        raise BadTransportStream(f"{len(data)} bytes are not whole packets")
    counters: dict[int, tuple[int, int]] = {}
    first: int | None = None
    frames, key_end, stream = 0, len(data), None
    for at in range(0, len(data), PACKET):
        if data[at] != 0x47:
            raise BadTransportStream(f"no packet begins at byte {at}")
        pid = (data[at + 1] & 0x1F) << 8 | data[at + 2]
        begins, control = bool(data[at + 1] & 0x40), data[at + 3] >> 4 & 3
        if control & 1:
            counter = data[at + 3] & 0xF
            if pid in counters and counter != (counters[pid][1] + 1) % 16:
                raise BadTransportStream(f"the counter of PID {pid} jumps at byte {at}")
            counters[pid] = (counters.get(pid, (counter, counter))[0], counter)
        body = at + 4 + (1 + data[at + 4] if control & 2 else 0)
        if not (begins and control & 1) or data[body : body + 3] != b"\0\0\1":
            continue
        stream = stream or pid
        if pid != stream:
            raise BadTransportStream("there is more than one elementary stream")
        if 0 not in counters:
            raise BadTransportStream("a frame comes before the tables")
        frames += 1
        if frames == 2:
            key_end = at
        time = _time(data, body)
        first = time if first is None or time < first else first
    if first is None:
        raise BadTransportStream("nothing begins in the segment")
    return TsSegment(first - int(ZERO * CLOCK), frames, key_end, counters)


def joins(before: TsSegment, after: TsSegment) -> bool:
    """True when every continuity counter runs on from one segment into the next."""
    shared = before.counters.keys() & after.counters.keys()
    return all((before.counters[pid][1] + 1) % 16 == after.counters[pid][0] for pid in shared)


def _time(data: bytes, pes: int) -> int:
    """The presentation time of a PES packet, 90 kHz."""
    if not data[pes + 7] & 0x80:
        raise BadTransportStream(f"a frame at byte {pes} has no time")
    b = data[pes + 9 : pes + 14]
    return (b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1
