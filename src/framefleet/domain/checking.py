"""What a task asks of its own verification, beyond what is always checked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from framefleet.domain.value import Value


class Vmaf(Value):
    """Compare renditions with the picture they were made from."""

    sample_seconds: float = Field(default=1.0, gt=0, le=60)
    """Seconds at the beginning of each chunk that are compared. Costs about as much as encoding them with a quick preset."""
    minimum: Annotated[float, Field(ge=0, le=100)] | None = None
    """The mean VMAF each rendition has to reach. None: it is only told."""


class Verify(Value):
    """What is checked on request, and what follows from it."""

    policy: Literal["fail", "warn"] = "fail"
    """What happens to a target with a rendition below `vmaf.minimum`: it fails and nothing is published, or it is published
    with a warning. What makes an output wrong (frames, samples, times, packets) fails it always."""
    vmaf: Vmaf | None = None
    """None: nothing is compared."""
