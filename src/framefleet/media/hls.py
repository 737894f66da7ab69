"""HLS playlists (RFC 8216 and its second edition) for fMP4 and TS segments. Text from numbers; nothing is read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from framefleet.media.manifest import ListedSegment, ListedSheets, ListedTexts, ListedTrack, peak, target_duration


@dataclass(frozen=True, slots=True)
class Lock:
    """How segments are encrypted: AES-128 whole, with the segment's sequence number as initialization vector."""

    key_uri: str
    """Where players get the key: absolute, or relative to the media playlists."""


def media_playlist(track: ListedTrack, *, start_number: int = 1, lock: Lock | None = None) -> str:
    """The playlist of one rendition or sound track."""
    lines = _head(track.segments, start_number)
    lines += [_map(track), *([] if lock is None else [f'#EXT-X-KEY:METHOD=AES-128,URI="{lock.key_uri}"'])]
    for segment in track.segments:
        lines.append(f"#EXTINF:{float(segment.duration):.6f},")
        if segment.offset is not None:
            lines.append(f"#EXT-X-BYTERANGE:{segment.bytes}@{segment.offset}")
        lines.append(segment.name)
    return _text([*lines, "#EXT-X-ENDLIST"])


def iframe_playlist(track: ListedTrack, *, start_number: int = 1) -> str:
    """The playlist of a rendition's keyframes at the segments' beginnings, as byte ranges into the segments."""
    lines = _head(track.segments, start_number)
    lines += ["#EXT-X-I-FRAMES-ONLY", _map(track)]
    for segment in track.segments:
        range_ = f"{segment.key_bytes}@{segment.offset or 0}"
        lines += [f"#EXTINF:{float(segment.duration):.6f},", f"#EXT-X-BYTERANGE:{range_}", segment.name]
    return _text([*lines, "#EXT-X-ENDLIST"])


def texts_playlist(texts: ListedTexts, *, start_number: int = 1, lock: Lock | None = None) -> str:
    """The playlist of a subtitle track's segments."""
    lines = _head(texts.segments, start_number)
    lines += [] if lock is None else [f'#EXT-X-KEY:METHOD=AES-128,URI="{lock.key_uri}"']
    for segment in texts.segments:
        lines += [f"#EXTINF:{float(segment.duration):.6f},", segment.name]
    return _text([*lines, "#EXT-X-ENDLIST"])


def image_playlist(sheets: ListedSheets) -> str:
    """The playlist of thumbnail sheets (the image media playlist extension that players of HLS share)."""
    target = int(min(sheets.per_sheet, sheets.duration) + Fraction(1, 2)) or 1
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{target}", "#EXT-X-MEDIA-SEQUENCE:1"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-IMAGES-ONLY"]
    for i, name in enumerate(sheets.names):
        length = min(sheets.per_sheet, sheets.duration - i * sheets.per_sheet)
        lines += [
            f"#EXTINF:{float(length):.6f},",
            (
                f"#EXT-X-TILES:RESOLUTION={sheets.width}x{sheets.height},LAYOUT={sheets.columns}x{sheets.rows},"
                f"DURATION={float(sheets.interval):.6f}"
            ),
            name,
        ]
    return _text([*lines, "#EXT-X-ENDLIST"])


def master_playlist(
    video: Sequence[ListedTrack],
    audio: Sequence[ListedTrack],
    texts: Sequence[ListedTexts] = (),
    *,
    iframes: bool = False,
    sheets: ListedSheets | None = None,
    below: str = "",
) -> str:
    """The multivariant playlist: renditions in the order given, each with the groups of sound and subtitles. Their folders lie
    in `below`: empty, or quoted and with a slash at its end.
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += _sounds(audio, below) + _texts(texts, below)
    # What is played together: the dearest sound and the dearest subtitles with each rendition.
    text_peak = max((peak(t.segments) for t in texts), default=0)
    text_average = max((t.bandwidth for t in texts), default=0)
    sound_peak = max((t.peak_bandwidth for t in audio), default=0) + text_peak
    sound_average = max((t.average_bandwidth for t in audio), default=0) + text_average
    with_texts = ['SUBTITLES="subtitles"'] if texts else []
    sound_codecs = sorted({t.codecs for t in audio})
    for track in video:
        attributes = [
            f"BANDWIDTH={track.peak_bandwidth + sound_peak}",
            f"AVERAGE-BANDWIDTH={track.average_bandwidth + sound_average}",
            f'CODECS="{",".join([track.codecs, *sound_codecs])}"',
            f"RESOLUTION={track.width}x{track.height}",
        ]
        if track.frame_rate:
            attributes.append(f"FRAME-RATE={float(track.frame_rate):.3f}")
        attributes.append(f"VIDEO-RANGE={track.video_range}")
        if audio:
            attributes.append('AUDIO="audio"')
        attributes += [*with_texts, "CLOSED-CAPTIONS=NONE"]
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", f"{below}{track.name}/index.m3u8"]
    if not video:
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={t.peak_bandwidth + text_peak},"
            f"AVERAGE-BANDWIDTH={t.average_bandwidth + text_average},"
            + ",".join([f'CODECS="{t.codecs}",AUDIO="audio"', *with_texts])
            + f"\n{below}{t.name}/index.m3u8"
            for t in audio
        ]
    if iframes:
        lines += [_iframes(track, below) for track in video]
    if sheets is not None:
        lines.append(
            f"#EXT-X-IMAGE-STREAM-INF:BANDWIDTH={sheets.bandwidth},RESOLUTION={sheets.width}x{sheets.height},"
            f'CODECS="jpeg",URI="{below}{sheets.folder}/index.m3u8"'
        )
    return _text(lines)


def _head(segments: Sequence[ListedSegment], start_number: int) -> list[str]:
    return [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target_duration(segments)}",
        f"#EXT-X-MEDIA-SEQUENCE:{start_number}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]


def _map(track: ListedTrack) -> str:
    """The header stands before any key, so it is not encrypted (section 4.3.2.4)."""
    if track.init is None:
        return ""
    range_ = "" if track.init_bytes is None else f',BYTERANGE="{track.init_bytes}@0"'
    return f'#EXT-X-MAP:URI="{track.init}"{range_}'


def _sounds(audio: Sequence[ListedTrack], below: str) -> list[str]:
    """One line per track, each with a name of its own (section 4.3.4.1.1 forbids two of a name in a group)."""
    default = next((i for i, track in enumerate(audio) if track.default), 0)
    lines = []
    for i, (track, shown) in enumerate(zip(audio, _names(audio), strict=True)):
        language = f'LANGUAGE="{track.language}",' if track.language else ""
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="{shown}",{language}'
            f'DEFAULT={"YES" if i == default else "NO"},AUTOSELECT=YES,CHANNELS="{track.channels}",'
            f'URI="{below}{track.name}/index.m3u8"'
        )
    return lines


def _texts(texts: Sequence[ListedTexts], below: str) -> list[str]:
    """One line per subtitle track. None is shown unless the viewer or the player's settings ask."""
    lines = []
    for track, shown in zip(texts, _names(texts), strict=True):
        language = f'LANGUAGE="{track.language}",' if track.language else ""
        lines.append(
            f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="{shown}",{language}'
            f'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="{below}{track.name}/index.m3u8"'
        )
    return lines


def _names(tracks: Sequence[ListedTrack | ListedTexts]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for track in tracks:
        name = track.language or track.name
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return names


def _iframes(track: ListedTrack, below: str) -> str:
    return (
        f"#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={track.iframe_bandwidth},"
        f'CODECS="{track.codecs}",RESOLUTION={track.width}x{track.height},VIDEO-RANGE={track.video_range},'
        f'URI="{below}{track.name}/iframes.m3u8"'
    )


def _text(lines: Sequence[str]) -> str:
    return "\n".join([*(line for line in lines if line), ""])
