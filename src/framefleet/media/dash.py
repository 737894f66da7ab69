"""A DASH manifest (ISO/IEC 23009-1, live profile, static) for CMAF segments. Text from numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from xml.sax.saxutils import quoteattr

from framefleet.domain.timeline import to_ticks
from framefleet.media.manifest import ListedSheets, ListedTexts, ListedTrack


def manifest(
    video: Sequence[ListedTrack],
    audio: Sequence[ListedTrack],
    *,
    media: str = "$Number%05d$.m4s",
    start_number: int = 1,
    sheets: ListedSheets | None = None,
    texts: Sequence[ListedTexts] = (),
    below: str = "",
) -> str:
    """The MPD. Segments are numbered from `start_number` in their track's own folder, as `media` names them, or they are
    ranges of one file. The folders lie in `below`: empty, or quoted and with a slash at its end.
    """
    tracks = [*video, *audio]
    total = max(t.segments[-1].start + t.segments[-1].duration for t in tracks)
    longest = max(s.duration for t in tracks for s in t.segments)
    profile = "main" if any(t.init_bytes is not None for t in tracks) else "live"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        (
            '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
            f' profiles="urn:mpeg:dash:profile:isoff-{profile}:2011"'
            f' mediaPresentationDuration="{_duration(total)}" minBufferTime="{_duration(longest)}">'
        ),
        f'  <Period id="1" start="PT0S" duration="{_duration(total)}">',
    ]
    if video:
        lines.append(
            '    <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">'
        )
        for track in video:
            rate = f' frameRate="{track.frame_rate}"' if track.frame_rate else ""
            shape = f' width="{track.width}" height="{track.height}"{rate} sar="1:1"'
            lines += _representation(track, shape, _colour(track), media, start_number, below)
        lines.append("    </AdaptationSet>")
    for i, track in enumerate(audio, 2):
        language = f" lang={quoteattr(track.language)}" if track.language else ""
        lines.append(
            f'    <AdaptationSet id="{i}" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1"{language}>'
        )
        channels = (
            '<AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011"'
            f' value="{track.channels}"/>'
        )
        if len(audio) > 1:
            role = "main" if track is (next((t for t in audio if t.default), audio[0])) else "alternate"
            lines.append(f'      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="{role}"/>')
        lines += _representation(
            track, f' audioSamplingRate="{track.sample_rate}"', [channels], media, start_number, below
        )
        lines.append("    </AdaptationSet>")
    for i, track_texts in enumerate(texts, 2 + len(audio)):
        lines += _texts(track_texts, i, below)
    if sheets is not None:
        lines += _thumbnails(sheets, below)
    return "\n".join([*lines, "  </Period>", "</MPD>", ""])


def _representation(
    track: ListedTrack, attributes: str, children: Sequence[str], media: str, start_number: int, below: str
) -> list[str]:
    head = (
        f'      <Representation id={quoteattr(track.name)} bandwidth="{track.peak_bandwidth}"'
        f" codecs={quoteattr(track.codecs)}{attributes}>"
    )
    timeline = ["          <SegmentTimeline>"]
    for start, duration, repeats in _runs(track):
        more = f' r="{repeats}"' if repeats else ""
        timeline.append(f'            <S t="{start}" d="{duration}"{more}/>')
    timeline.append("          </SegmentTimeline>")
    addressed = _ranges(track, timeline, below) if track.init_bytes is not None else None
    return [
        head,
        *(f"        {child}" for child in children),
        *(addressed or _numbers(track, timeline, media, start_number, below)),
        "      </Representation>",
    ]


def _numbers(track: ListedTrack, timeline: Sequence[str], media: str, start_number: int, below: str) -> list[str]:
    """A file per segment."""
    folder = f"{below}{track.name}"
    template = (
        f'        <SegmentTemplate timescale="{track.scale}" startNumber="{start_number}"'
        f" initialization={quoteattr(f'{folder}/{track.init}')} media={quoteattr(f'{folder}/{media}')}>"
    )
    return [template, *timeline, "        </SegmentTemplate>"]


def _ranges(track: ListedTrack, timeline: Sequence[str], below: str) -> list[str]:
    """One file for the header and all segments."""
    file = quoteattr(f"{below}{track.name}/{track.init}")
    lines = [
        f'        <SegmentList timescale="{track.scale}">',
        f'          <Initialization sourceURL={file} range="0-{(track.init_bytes or 1) - 1}"/>',
        *timeline,
    ]
    for s in track.segments:
        at = s.offset or 0
        lines.append(f'          <SegmentURL media={file} mediaRange="{at}-{at + s.bytes - 1}"/>')
    return [*lines, "        </SegmentList>"]


def _texts(track: ListedTexts, number: int, below: str) -> list[str]:
    """A whole WebVTT file beside the segments."""
    language = f" lang={quoteattr(track.language)}" if track.language else ""
    return [
        f'    <AdaptationSet id="{number}" contentType="text" mimeType="text/vtt"{language}>',
        '      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="subtitle"/>',
        f'      <Representation id={quoteattr(track.name)} bandwidth="{track.bandwidth}">',
        f"        <BaseURL>{below}{track.name}/{track.file}</BaseURL>",
        "      </Representation>",
        "    </AdaptationSet>",
    ]


def _thumbnails(sheets: ListedSheets, below: str) -> list[str]:
    """DASH-IF interoperability points, section 6.2.6: tiles in sheets of equal length."""
    scale = sheets.per_sheet.denominator
    return [
        '    <AdaptationSet contentType="image" mimeType="image/jpeg">',
        (
            f'      <SegmentTemplate media={quoteattr(f"{below}{sheets.folder}/$Number%05d$.jpg")} timescale="{scale}"'
            f' duration="{sheets.per_sheet.numerator}" startNumber="1"/>'
        ),
        (
            f'      <Representation id="thumbnails" bandwidth="{sheets.bandwidth}"'
            f' width="{sheets.width * sheets.columns}" height="{sheets.height * sheets.rows}">'
        ),
        (
            '        <EssentialProperty schemeIdUri="http://dashif.org/guidelines/thumbnail_tile"'
            f' value="{sheets.columns}x{sheets.rows}"/>'
        ),
        "      </Representation>",
        "    </AdaptationSet>",
    ]


def _colour(track: ListedTrack) -> list[str]:
    """What a player must know before it takes an HDR rendition (DASH-IF interoperability points, section 6.2)."""
    transfer = {"PQ": 16, "HLG": 18}.get(track.video_range)
    if transfer is None:
        return []
    cicp = "urn:mpeg:mpegB:cicp"
    return [
        f'<EssentialProperty schemeIdUri="{cicp}:ColourPrimaries" value="9"/>',
        f'<EssentialProperty schemeIdUri="{cicp}:TransferCharacteristics" value="{transfer}"/>',
        f'<EssentialProperty schemeIdUri="{cicp}:MatrixCoefficients" value="9"/>',
    ]


def _runs(track: ListedTrack) -> list[tuple[int, int, int]]:
    """(start, duration, repeats) in ticks, equal neighbours folded."""
    runs: list[tuple[int, int, int]] = []
    for segment in track.segments:
        start, duration = to_ticks(segment.start, track.scale), to_ticks(segment.duration, track.scale)
        if runs:
            first, length, repeats = runs[-1]
            if length == duration and first + length * (repeats + 1) == start:
                runs[-1] = (first, length, repeats + 1)
                continue
        runs.append((start, duration, 0))
    return runs


def _duration(seconds: Fraction) -> str:
    return f"PT{float(seconds):.3f}S"
