"""Parser of what FFmpeg's `-progress` prints: blocks of key=value lines, each ended by `progress=`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodeProgress:
    """One block."""

    seconds: float | None
    """Output time reached, seconds."""
    frames: int | None
    bytes: int | None
    """Written so far."""
    speed: float | None
    """Media seconds per wall second."""
    ended: bool

    def fraction(self, *, seconds: float | None = None, frames: int | None = None) -> float:
        """How much of `frames` or `seconds` of output is done, 0..1.

        Frames where they are known: output time counts from elsewhere when the source's clock is kept.
        """
        if frames and self.frames is not None:
            return min(max(self.frames / frames, 0.0), 1.0)
        if seconds and self.seconds is not None:
            return min(max(self.seconds / seconds, 0.0), 1.0)
        return 0.0


class ProgressParser:
    """Feed it lines; it returns a block when one is complete."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> EncodeProgress | None:
        """One line of the pipe; unknown lines are passed over."""
        key, separator, value = line.strip().partition("=")
        if not separator:
            return None
        self._fields[key] = value.strip()
        if key != "progress":
            return None
        fields, self._fields = self._fields, {}
        micros = _number(fields.get("out_time_us"))
        return EncodeProgress(
            seconds=None if micros is None else micros / 1e6,
            frames=None if (n := _number(fields.get("frame"))) is None else int(n),
            bytes=None if (size := _number(fields.get("total_size"))) is None else int(size),
            speed=_number(fields.get("speed", "").removesuffix("x")),
            ended=value.strip() == "end",
        )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:  # FFmpeg prints N/A until it knows
        return None
