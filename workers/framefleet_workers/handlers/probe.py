"""probe: what a source is, and when exactly each of its frames is shown."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise

import structlog

from framefleet.domain.errors import SourceClock, SourceNotMedia, SourceTooLarge, SourceTooLong, SourceTruncated
from framefleet.domain.media_info import Complexity, FrameIndex, MediaInfo, Moment, VideoStream
from framefleet.domain.records import ProbeOutput
from framefleet.domain.subtask import Excerpt, ProbeSpec
from framefleet.media import complexity
from framefleet.media.frame_index import HEAD_FRAMES, IndexBuilder, jumps, settle_start
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.input_errors import classify_input_error, incomplete, refused_size
from framefleet.media.probe import (
    decode_index_command,
    first_frame_command,
    packets_command,
    parse_streams,
    probe_command,
    with_first_frame,
)
from framefleet_workers import reuse, sources, subtitles
from framefleet_workers.handlers import frame
from framefleet_workers.process import Result
from framefleet_workers.work import Work

log = structlog.get_logger()


def handle(work: Work, spec: ProbeSpec) -> ProbeOutput:
    """Read the headers, then every packet; once more before a source on a server is called broken.

    What FFmpeg says of a file whose connection broke cannot be told from what it says of a broken file.
    """
    subtitles.check_files(work, spec.source)
    found = _probed(work, spec)
    if spec.frame is None:
        return found
    taken = frame.picture(work, found.media, sources.address(work, spec.source), spec.frame)
    return found.model_copy(update={"frame": taken})


def _probed(work: Work, spec: ProbeSpec) -> ProbeOutput:
    try:
        return _look(work, spec)
    except (SourceNotMedia, SourceTruncated) as error:
        if "://" not in work.source(spec.source).url:
            raise
        log.info("source.looked_at_again", code=error.code)
    sources.forget(work, spec.source)  # asks the server again, which says whether it is there
    return _look(work, spec)


def _look(work: Work, spec: ProbeSpec) -> ProbeOutput:
    access = work.source(spec.source)
    name = reuse.name_probe(work, spec.model_copy(update={"frame": None}))
    if (known := reuse.find_probe(work, name)) is not None:
        return ProbeOutput(media=known, reused=True)
    url = sources.address(work, spec.source)
    lines: list[str] = []
    result = work.lines(probe_command(work.tools.prober, url), lines.append, verify=False)
    info = _parsed(result, lines, spec)
    _check_limits(work, info, spec)
    info = _with_brightness(work, info, url)
    info = _indexed(work, info, url, spec)
    if spec.measure is not None:
        info = info.model_copy(update={"complexity": _complexity(work, info, url, spec.measure)})
    size = info.size_bytes if info.size_bytes is not None else access.bytes
    info = info.model_copy(update={"identity": access.identity, "size_bytes": size})
    reuse.remember_probe(work, name, info)
    return ProbeOutput(media=info)


def _parsed(result: Result, lines: list[str], spec: ProbeSpec) -> MediaInfo:
    field = f"sources[{spec.source}].uri"
    if result.returncode != 0:
        error = classify_input_error(result.tail, result.returncode) or SourceNotMedia(log=result.tail)
        error.field = field
        raise error
    try:
        info = parse_streams(json.loads("\n".join(lines)))
    except (ValueError, KeyError) as error:
        raise SourceNotMedia(f"the prober's answer is not readable: {error}", field=field, log=result.tail) from error
    if not info.video and (size := refused_size(result.tail)) is not None:
        raise SourceTooLarge(
            f"the picture is said to have {size[0]}x{size[1]} pixels, which FFmpeg refuses",
            field=field,
            hint="The file is damaged or made to harm.",
            log=result.tail,
        )
    if not info.video and not info.audio:
        raise SourceNotMedia("the source has neither picture nor sound", field=field, log=result.tail)
    return info


def _with_brightness(work: Work, info: MediaInfo, url: str) -> MediaInfo:
    """High dynamic range with what its first frame says of its brightness, where the container does not say it."""
    video = info.main_video
    if video is None or not video.hdr or (video.mastering is not None and video.light is not None):
        return info
    lines: list[str] = []
    result = work.lines(first_frame_command(work.tools.prober, url, video.index), lines.append, verify=False)
    try:
        frames = json.loads("\n".join(lines)) if result.returncode == 0 else {}
    except ValueError:
        frames = {}  # it only adds to what is known
    told = with_first_frame(video, frames)
    return info.model_copy(update={"video": tuple(told if v is video else v for v in info.video)})


def _complexity(work: Work, info: MediaInfo, url: str, excerpt: Excerpt) -> Complexity | None:
    """What the picture takes to encode; None when it has none there."""
    video, places = info.main_video, complexity.moments(info, excerpt)
    if video is None or not places:
        return None
    wanted = complexity.sizes(video)
    found = []
    for place in places:
        paths = [work.path(f"{i}.h264") for i in range(len(wanted))]
        command = complexity.moment_command(url, video.index, place, wanted, [str(p) for p in paths])
        work.ffmpeg(command, seconds=float(place[1]))
        found.append(Moment(seconds=place[1], bits=tuple(8 * p.stat().st_size for p in paths)))
    return Complexity(sizes=wanted, moments=tuple(found))


def _check_limits(work: Work, info: MediaInfo, spec: ProbeSpec) -> None:
    field = f"sources[{spec.source}].uri"
    for stream in info.video:
        if stream.width * stream.height > work.limits.max_pixels:
            raise SourceTooLarge(
                f"the picture has {stream.width}x{stream.height} pixels; {work.limits.max_pixels} in all are allowed",
                field=field,
            )
    if info.duration is not None and info.duration > work.limits.max_duration:
        raise SourceTooLong(
            f"the source lasts {float(info.duration):.0f} s; {work.limits.max_duration:.0f} s are allowed", field=field
        )


def _indexed(work: Work, info: MediaInfo, url: str, spec: ProbeSpec) -> MediaInfo:
    field = f"sources[{spec.source}].uri"
    video, audio = info.main_video, info.main_audio
    others = [a for a in info.audio if audio is None or a.index != audio.index]
    builder = IndexBuilder(video, audio, info.container, others)
    result = work.lines(packets_command(work.tools.prober, url), builder.feed, verify=False)
    if result.returncode != 0:
        error = classify_input_error(result.tail, result.returncode) or SourceNotMedia(log=result.tail)
        error.field = field
        raise error
    index = builder.frames()
    if builder.backwards:
        raise SourceClock(
            "the clock of the source goes back: it was probably joined from several recordings", field=field
        )
    if index is not None and jumps(index, info.container):
        raise SourceClock(field=field)
    if video is not None and builder.untimed:
        index = _decoded(work, video, url)
    elif video is not None and index is not None and builder.unclean_start:
        index = settle_start(index, _decoded_times(work, video, url, frames=HEAD_FRAMES))
    end = _end(index, builder.audio_end)
    problem = incomplete(info, builder.packets, end, result.tail)
    if problem is not None:
        problem.field = field
        raise problem
    if end is not None and end - info.start > work.limits.max_duration:
        raise SourceTooLong(f"the source lasts {float(end - info.start):.0f} s", field=field)
    ends = builder.other_ends | ({} if audio is None or builder.audio_end is None else {audio.index: builder.audio_end})
    uneven = builder.uneven()
    sounds = tuple(a.model_copy(update={"end": ends.get(a.index), "uneven": a.index in uneven}) for a in info.audio)
    return info.model_copy(update={"index": index, "audio_end": builder.audio_end, "audio": sounds})


def _end(index: FrameIndex | None, audio_end: Fraction | None) -> Fraction | None:
    ends = [] if index is None else [index.time(index.count - 1) + index.last_duration * index.time_base]
    return max([*ends, *([] if audio_end is None else [audio_end])], default=None)


def _decoded(work: Work, video: VideoStream, url: str) -> FrameIndex | None:
    """The index of a stream whose packets carry no times, by decoding it once."""
    times = sorted(set(_decoded_times(work, video, url)))
    if not times:
        return None
    runs: list[tuple[int, int]] = []
    for before, after in pairwise(times):
        if runs and runs[-1][0] == after - before:
            runs[-1] = (after - before, runs[-1][1] + 1)
        else:
            runs.append((after - before, 1))
    # Keyframes are unknown: chunks are read from the beginning, and weigh the same.
    return FrameIndex(time_base=video.time_base, first=times[0], runs=tuple(runs), keyframes=(0,), gop_bytes=(0,))


def _decoded_times(work: Work, video: VideoStream, url: str, frames: int | None = None) -> list[int]:
    """Ticks of what the decoder really gives: of all frames, or of the first `frames`."""
    parser = FrameCrcParser()
    times: list[int] = []

    def take(line: str) -> None:
        entry = parser.feed(line)
        if entry is not None:
            times.append(entry.pts)

    command = decode_index_command(work.tools.ffmpeg, url, video.index, time_base=video.time_base, frames=frames)
    result = work.lines(command, take, verify=False)
    if result.returncode != 0 and not times:
        raise classify_input_error(result.tail, result.returncode) or SourceNotMedia(log=result.tail)
    return times
