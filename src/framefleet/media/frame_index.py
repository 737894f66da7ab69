"""Builds the exact frame index of a video stream from its packets, in one pass and bounded memory.

It sees packets only as the prober prints them. What packets cannot tell (`untimed`, `unclean_start`) it says, so that
the caller can ask a decoder.
"""

from __future__ import annotations

import heapq
import sys
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

from framefleet.domain.media_info import AudioStream, FrameIndex, VideoStream
from framefleet.media.sound_times import SoundTimes

REORDER = 64
"""Packets come in decoding order. H.264 and HEVC show a frame at most 16 frames after its turn to be decoded (the size
of the decoded picture buffer, H.264 A.3.1), or 32 fields; the other codecs less."""

_NO_GOP = sys.maxsize

_JOINABLE = frozenset({"mpegts", "mpeg"})
_LEAP_SECONDS = 10
"""FFmpeg's dts_delta_threshold: a leap of more is closed by it, in the sound of one version and the picture of another."""

HEAD_FRAMES = 300
"""Frames to decode for `settle_start`: ten seconds at 30 frames/s, the longest GOP or intra refresh cycle we expect."""


class IndexBuilder:
    """Builds the frame index of one video stream, and finds where one sound stream ends, from packet lines.

    Frames are counted as FFmpeg's decoder gives them: nothing before the first keyframe, nothing that an edit list
    hides (flag D), nothing for empty packets, one frame for packets of one time (VP8's hidden reference frames come
    so). Memory: a few entries for a constant frame rate, however long the film.
    """

    def __init__(
        self,
        video: VideoStream | None,
        audio: AudioStream | None,
        container: str = "",
        others: Sequence[AudioStream] = (),
    ) -> None:
        """`container` is FFmpeg's name of the demuxer, as in `MediaInfo.container`; `others` are the further sound streams."""
        self._video, self._audio = video, audio
        self._others = {str(a.index): a for a in others}
        # AVI stores no times: what is printed is counted.
        timed = [] if container == "avi" else [*([] if audio is None else [audio]), *others]
        self._sounds = {a.index: SoundTimes(a) for a in timed}
        self.other_ends: dict[int, Fraction] = {}
        """Where the packets of each further sound stream end, seconds on the file's clock."""
        self.audio_end: Fraction | None = None
        self.packets = 0
        """Video packets seen, hidden ones included."""
        self.untimed = _times_invented(video, container)
        """Packets do not tell the frames' times: the whole stream has to be decoded to get them."""
        self.unclean_start = False
        """The stream was cut in the middle of a GOP: which of its first frames come out is the decoder's decision (see
        `settle_start`). Measured: a stream with intra refresh loses some, and FFmpeg 5.1 gives HEVC pictures, made of
        missing references, that 9 leaves out."""
        self.damaged = 0
        """Video packets that the demuxer calls corrupt (FFmpeg 6 and later say so)."""
        self.backwards = 0
        """Frames left out because a later one had come long before: the clock was set back (joined recordings). The
        index of such a file is not exact."""
        self._heap: list[tuple[int, int, int]] = []
        self._ticks = _Runs()
        self._last_duration = 0
        self._keys: list[int] = []
        self._key_gops: list[int] = []
        self._gops: list[int] = []
        """Bytes from each keyframe to the next in decoding order, hidden ones included."""
        self._opening: int | None = None
        """Time of the first keyframe: what is shown before it refers to frames that are not there."""

    def feed(self, line: str) -> None:
        """One line of `packets_command`'s output; other lines are ignored."""
        fields = dict(part.split("=", 1) for part in line.strip().split("|")[1:] if "=" in part)
        index = fields.get("stream_index")
        if self._video is not None and index == str(self._video.index):
            self._frame(fields)
        elif self._audio is not None and index == str(self._audio.index):
            self._sound(fields, self._audio.time_base)
            self._times(fields, self._audio.index)
        elif index is not None and (other := self._others.get(index)) is not None:
            end = _sound_end(fields, other.time_base)
            self._times(fields, other.index)
            if end is not None:
                self.other_ends[other.index] = max(end, self.other_ends.get(other.index, end))

    def frames(self) -> FrameIndex | None:
        """The index, once all lines were fed; None when there is no frame, or when frames are `untimed`."""
        while self._heap:
            self._take(*heapq.heappop(self._heap))
        if self._ticks.first is None or self.untimed or self._video is None:
            return None
        keys, starts = list(self._keys), list(self._key_gops)
        if keys and keys[0] == 0:
            starts[0] = 0  # what is hidden before it is decoded with it
        else:
            keys, starts = [0, *keys], [0, *starts]
        ends = [*starts[1:], len(self._gops)]
        return FrameIndex(
            time_base=self._video.time_base,
            first=self._ticks.first,
            runs=self._ticks.runs(),
            keyframes=tuple(keys),
            gop_bytes=tuple(sum(self._gops[a:b]) for a, b in zip(starts, ends, strict=True)),
            last_duration=max(0, self._last_duration),
        )

    def uneven(self) -> set[int]:
        """The sound streams that are off their times, once all lines were fed."""
        for times in self._sounds.values():
            times.end()
        return {index for index, times in self._sounds.items() if times.uneven}

    def _times(self, fields: Mapping[str, str], index: int) -> None:
        pts = _integer(fields.get("pts"))
        times = self._sounds.get(index)
        if times is not None and pts is not None and "D" not in fields.get("flags", ""):
            times.feed(pts, _integer(fields.get("duration")) or 0)

    def _sound(self, fields: Mapping[str, str], time_base: Fraction) -> None:
        end = _sound_end(fields, time_base)
        if end is not None:
            self.audio_end = end if self.audio_end is None else max(self.audio_end, end)

    def _frame(self, fields: Mapping[str, str]) -> None:
        self.packets += 1
        flags, size, pts = fields.get("flags", ""), _integer(fields.get("size")) or 0, _integer(fields.get("pts"))
        key, hidden = "K" in flags, "D" in flags
        self.damaged += "C" in flags
        if size == 0:
            return  # an AVI's way to repeat the frame before; decoders give nothing for it
        if not self._gops and not key:
            self.unclean_start |= not hidden
            return
        if key:
            self._gops.append(0)
        self._gops[-1] += size
        if pts is None:
            self.untimed = True
            return
        if self._opening is None:
            self._opening = pts
        if pts < self._opening:
            # Only frames that lean on the first keyframe are shown before it; another keyframe is another recording.
            self.backwards += key and not hidden
            self.unclean_start |= not hidden
            return
        if hidden:
            return
        # Of two packets of one time a keyframe goes first, and stays.
        gop = len(self._gops) - 1 if key else _NO_GOP
        heapq.heappush(self._heap, (pts, gop, _integer(fields.get("duration")) or 0))
        if len(self._heap) > REORDER:
            self._take(*heapq.heappop(self._heap))

    def _take(self, pts: int, gop: int, duration: int) -> None:
        if not self._ticks.add(pts):
            self.backwards += pts < self._ticks.last
            return
        if gop != _NO_GOP:
            self._keys.append(self._ticks.count - 1)
            self._key_gops.append(gop)
        self._last_duration = duration


def jumps(index: FrameIndex, container: str) -> bool:
    """True when the clock leaps so far between two frames that FFmpeg takes it for another clock.

    Only where recordings are commonly put one after another as they are; elsewhere it is a picture that stands still.
    """
    return container in _JOINABLE and any(step * index.time_base >= _LEAP_SECONDS for step, _ in index.runs)


def settle_start(index: FrameIndex, decoded: Collection[int], limit: int = HEAD_FRAMES) -> FrameIndex | None:
    """`index` without those first frames that the decoder does not give; None when it gives none at all.

    `decoded` are the times, in ticks of the index, of up to `limit` frames decoded from the start. The index is trusted
    after the last of them. Frames that only the decoder has stay out: they precede the first keyframe and are made of
    references that are missing, so whoever decodes has to bound the first frame too.
    """
    seen = set(decoded)
    if not seen:
        return None
    horizon = max(seen) if len(decoded) >= limit else None
    ticks, dropped = _Runs(), []
    for ordinal, tick in enumerate(index.ticks):
        if tick in seen or (horizon is not None and tick > horizon):
            ticks.add(tick)
        else:
            dropped.append(ordinal)
    if ticks.first is None:
        return None
    sizes: dict[int, int] = {0: 0}
    for keyframe, size in zip(index.keyframes, index.gop_bytes, strict=True):
        at = keyframe - bisect_left(dropped, keyframe)
        sizes[at] = sizes.get(at, 0) + size
    sizes.pop(ticks.count, None)
    # Not model_copy: that would take the cached ticks along.
    return FrameIndex(
        time_base=index.time_base,
        first=ticks.first,
        runs=ticks.runs(),
        keyframes=tuple(sizes),
        gop_bytes=tuple(sizes.values()),
        last_duration=index.last_duration,
    )


class _Runs:
    """Ascending ticks, run-length coded as `FrameIndex.runs` are."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.count = 0
        self.last = 0
        self._runs: list[list[int]] = []

    def add(self, tick: int) -> bool:
        """Append a tick; False, and nothing done, when it is not later than the last."""
        if self.first is None:
            self.first = tick
        else:
            delta = tick - self.last
            if delta <= 0:
                return False
            if self._runs and self._runs[-1][0] == delta:
                self._runs[-1][1] += 1
            else:
                self._runs.append([delta, 1])
        self.last = tick
        self.count += 1
        return True

    def runs(self) -> tuple[tuple[int, int], ...]:
        return tuple((delta, n) for delta, n in self._runs)


def _sound_end(fields: Mapping[str, str], time_base: Fraction) -> Fraction | None:
    pts = _integer(fields.get("pts"))
    if pts is None or "D" in fields.get("flags", ""):
        return None
    return (pts + (_integer(fields.get("duration")) or 0)) * time_base


def _times_invented(video: VideoStream | None, container: str) -> bool:
    """AVI stores no presentation times. libavformat 62 (FFmpeg 8) yet prints some for H.264, in decoding order and one
    frame early (measured); for MPEG-4 it works them out correctly, older ones say N/A for both.
    """
    return video is not None and container == "avi" and video.codec in {"h264", "hevc"}


def _integer(value: str | None) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        return None
