"""HLS playlists (RFC 8216) for CMAF segments. Text from numbers; nothing is read or written here."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from framefleet.media.manifest import ListedTrack


def media_playlist(track: ListedTrack) -> str:
    """The playlist of one rendition or sound track."""
    # Rounded to the nearest integer each segment's duration must be at or below the target (section 4.3.3.1).
    target = max(1, *(int(s.duration + Fraction(1, 2)) for s in track.segments))
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:1",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{track.init}"',
    ]
    for segment in track.segments:
        lines += [f"#EXTINF:{float(segment.duration):.6f},", segment.name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def master_playlist(video: Sequence[ListedTrack], audio: Sequence[ListedTrack]) -> str:
    """The multivariant playlist: renditions in the order given, each with the sound group."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for i, track in enumerate(audio):
        language = f'LANGUAGE="{track.language}",' if track.language else ""
        default = "YES" if i == 0 else "NO"
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="{track.language or track.name}",{language}'
            f'DEFAULT={default},AUTOSELECT=YES,CHANNELS="{track.channels}",URI="{track.name}/index.m3u8"'
        )
    sound_peak = max((t.peak_bandwidth for t in audio), default=0)
    sound_average = max((t.average_bandwidth for t in audio), default=0)
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
        if audio:
            attributes.append('AUDIO="audio"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", f"{track.name}/index.m3u8"]
    return "\n".join([*lines, ""])
