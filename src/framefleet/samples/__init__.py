"""The film that ships with Framefleet, for whoever wants to try it: storage://samples/sample.mp4.

Ten seconds of a test picture and a changing tone, 640x360 at 25 frames a second, H.264 and AAC; made by FFmpeg from nothing
else, so nobody has rights to it.
"""

from __future__ import annotations

from importlib.resources import files

from framefleet.domain import keys
from framefleet.ports import ObjectStore

SAMPLE = "sample.mp4"


def put_samples(store: ObjectStore) -> None:
    """Put it into the work bucket unless it is there. May be repeated, and by several at once. Raises StoreUnavailable."""
    key = f"{keys.SAMPLES}{SAMPLE}"
    if store.stat(key) is None:
        store.create(key, files("framefleet.samples").joinpath(SAMPLE).read_bytes())
