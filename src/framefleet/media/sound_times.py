"""Whether a sound stream's packets come when what is heard before them ends, told from the packets in one pass.

In films that were joined without encoding they do not: each part brings its encoder's priming along, the packets begin at
their times, but a decoder gives all their samples, so that counted samples run ahead of the clock with every join. A hole
makes them fall behind. It knows nothing of what is done about it (`media.audio`).
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from statistics import median

from framefleet.domain.media_info import AudioStream

LIMIT = 0.01
"""Seconds of sound too many or too few that are left as they are: less than a frame of any film, and more than the
millisecond to which Matroska and FLV round."""
LONGEST = 600
"""Seconds a hole may last to be filled. FFmpeg makes its silence in memory, at once: 0.4 MB for each second of stereo. What
has longer ones is refused by the verification."""
_HOLD = 0.5
"""Seconds for which sound has to be off its times, always early or always late. Who records live writes packets now early,
now late: cuts and silence would be heard, the distance is not."""
_FAR = 0.1
"""Seconds that are never jitter: FFmpeg's own threshold (min_hard_comp)."""
_HEAD = 64
"""Packets from which the usual distance is learnt."""
_TREMBLE = 0.05
"""How far from the packets' length their mean distance may be, as a share of it."""
_FREE = frozenset({"flac", "dts"})
"""Codecs all whose packets hold the same, whatever their encoder chose."""
_FRAMES = {
    "aac": (1024, 2048, 960, 1920, 512, 480),
    "mp1": (384,),
    "mp2": (1152, 576),
    "mp3": (1152, 576),
    "ac3": (1536,),
    "eac3": (1536, 768, 512, 256),
    "alac": (4096,),
    "opus": (960, 1920, 2880, 480),
}
"""Samples a packet may hold, for codecs all whose packets hold the same, the usual first."""


class SoundTimes:
    """Follows one sound stream. Memory: a few packets, however long the film."""

    def __init__(self, stream: AudioStream) -> None:
        self._uneven = False
        self._torn = False
        self._base = float(stream.time_base)
        self._rate = stream.sample_rate
        self._free = stream.codec in _FREE
        self._frames = _FRAMES.get(stream.codec, ())
        self._head: list[tuple[int, int]] | None = []
        self._frame: int | None = None
        """Samples of every packet, once learnt."""
        self._origin = 0.0
        """Where the first packet belongs, by most of those at the beginning: ticks."""
        self._last: tuple[int, int] | None = None
        self._packets = 0
        self._behind = 0.0
        """Seconds by which packets that do not all hold the same came late, in all."""
        self._late = 0.0
        """Seconds by which the last packet came late."""
        self._side = 0
        """1: late, -1: early, 0: at its times."""
        self._since = 0.0
        """Seconds since when it is so."""

    @property
    def uneven(self) -> bool:
        """Sound is off its times by more than `LIMIT`, and for more than a moment; False where a hole is too long to be filled."""
        return self._uneven and not self._torn

    def feed(self, pts: int, duration: int) -> None:
        """The next packet that is heard, in ticks; `duration` 0 when the demuxer does not know it."""
        if self._head is None:
            self._take(pts, duration)
            return
        self._head.append((pts, duration))
        if len(self._head) == _HEAD:
            self.end()

    def end(self) -> None:
        """No more packets: judge what was kept back until the usual distance is known."""
        if self._head is None:
            return
        head, self._head = self._head, None
        if head:
            self._frame = self._learn([b[0] - a[0] for a, b in pairwise(head)])
            if self._frame is not None:
                step = self._frame / self._rate / self._base
                self._origin = median(pts - n * step for n, (pts, _) in enumerate(head))
        for pts, duration in head:
            self._take(pts, duration)

    def _learn(self, distances: list[int]) -> int | None:
        """The number of samples that most distances stand for: their clock may be coarser than a sample, or tremble."""
        if not distances:
            return None
        usual = Counter(distances).most_common(1)[0][0]
        for frame in self._frames:
            if abs(usual * self._base - frame / self._rate) <= self._base:
                return frame
        mean = sum(distances) / len(distances) * self._base * self._rate
        nearest = min(self._frames, key=lambda frame: abs(mean - frame), default=0)
        if abs(mean - nearest) <= _TREMBLE * nearest:
            return nearest
        exact = self._base * self._rate < 1.001
        return round(usual * self._base * self._rate) if exact and self._free else None

    def _take(self, pts: int, duration: int) -> None:
        now = pts * self._base
        if self._frame is not None:
            heard = self._packets * self._frame / self._rate
            late = (pts - self._origin) * self._base - heard
        else:
            if self._last is not None and self._last[1] > 0:
                step = pts - self._last[0] - self._last[1]
                # What a clock rounds is no hole; it would add up.
                self._behind += step * self._base if abs(step) > 1 else 0.0
            late = self._behind
        self._packets += 1
        self._last = (pts, duration)
        side = 0 if abs(late) <= LIMIT else 1 if late > 0 else -1
        if side != self._side:
            self._side, self._since = side, now
        if side and (now - self._since >= _HOLD or abs(late) >= _FAR):
            self._uneven = True
        self._torn |= late - self._late > LONGEST
        self._late = late
