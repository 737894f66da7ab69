"""The small picture that a dry run shows of a source. It is an extra: whatever goes wrong, the probe is not the worse for it."""

from __future__ import annotations

import base64
from fractions import Fraction

import structlog

from framefleet.domain.errors import FramefleetError
from framefleet.domain.media_info import MediaInfo
from framefleet.media.frame import frame_command, frame_size, frame_time
from framefleet_workers.work import Work

log = structlog.get_logger()

MOST_BYTES = 256 << 10
"""It goes into the DONE record; noise is larger, and nobody recognises anything in it."""


def picture(work: Work, info: MediaInfo, url: str, widest: int) -> str | None:
    """A JPEG, Base64; None when none can be taken."""
    video = info.main_video
    if video is None:
        return None
    path = work.path("frame.jpg")
    for at in dict.fromkeys((frame_time(info), Fraction(0))):
        try:
            work.ffmpeg(frame_command(url, video, at, frame_size(video, widest), str(path)))
        except FramefleetError as error:
            log.info("frame.missing", code=error.code)
            continue
        if path.exists() and 0 < path.stat().st_size <= MOST_BYTES:
            return base64.b64encode(path.read_bytes()).decode()
    return None
