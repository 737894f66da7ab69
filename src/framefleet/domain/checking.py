"""What a task or a target asks of its own verification, beyond what is always checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from framefleet.domain.value import Value

CHECKS = (
    "audio samples",
    "audio samples heard",
    "audio times increase",
    "can be read",
    "chapters",
    "counters run on",
    "cover",
    "data",
    "decode times increase",
    "ends inside the film",
    "frame distance",
    "frame times",
    "frames",
    "frames decoded",
    "keyframes",
    "length",
    "loudness",
    "packets",
    "picture size",
    "quality",
    "renditions cut at the same instants",
    "repetitions",
    "rotation",
    "samples",
    "segments adjoin",
    "segments start as planned",
    "size",
    "sound begins",
    "speed",
    "streams",
    "subtitles",
    "tags",
    "texts in segments",
    "times",
    "times increase",
)
"""What may be found wrong with an output: the lines of certificates, without what they are about."""


class Vmaf(Value):
    """Compare renditions with the picture they were made from."""

    sample_seconds: float = Field(default=1.0, gt=0, le=60)
    """Seconds at the beginning of each chunk that are compared. Costs about as much as encoding them with a quick preset."""
    minimum: Annotated[float, Field(ge=0, le=100)] | None = None
    """The mean VMAF each rendition has to reach. None: it is only told."""


class Verify(Value):
    """What is checked on request, and what follows from it."""

    policy: Literal["fail", "retry", "warn"] = "fail"
    """What follows from a check that does not pass. `fail`: the target fails, and nothing of it is published. `retry`: the
    subtask is tried once more, on any worker, before that; so is a chunk that is below `vmaf.minimum` by itself. `warn`: a
    rendition below `vmaf.minimum` is published with a warning; every other check fails the target all the same."""
    vmaf: Vmaf | None = None
    """None: nothing is compared."""

    @model_validator(mode="after")
    def _warns_of_something(self) -> Verify:
        if self.policy == "warn" and self.minimum is None:
            raise ValueError("policy warn is about vmaf.minimum: give one, or leave the policy out")
        return self

    @property
    def minimum(self) -> float | None:
        """The mean VMAF each rendition has to reach."""
        return None if self.vmaf is None else self.vmaf.minimum


def sample_seconds(asked: Iterable[Verify]) -> float:
    """Seconds of each chunk that are compared where several targets share it; 0 when none asks for it."""
    return max((v.vmaf.sample_seconds for v in asked if v.vmaf is not None), default=0.0)


def tried_again_below(asked: Iterable[Verify]) -> float | None:
    """The mean VMAF below which a chunk is made a second time; None for never."""
    return max((v.minimum for v in asked if v.policy == "retry" and v.minimum is not None), default=None)
