"""Commands that prove an output: decode it and list every frame, or hash the payload of every packet."""

from __future__ import annotations

from framefleet.media.command import QUIET, Command
from framefleet.media.watch import picture_filters, sound_graph

_STRICT = (*QUIET, "-nostats", "-xerror", "-err_detect", "explode", "-threads", "1", "-copyts")


def watched_picture_command(path: str, notes: str, *, video_scale: int) -> Command:
    """`decode_command` of the picture, with what `watch` sees written to the file `notes`."""
    args = [*_STRICT, "-i", path, "-map", "0:v:0", "-vf", picture_filters(notes), "-fps_mode", "passthrough"]
    args += ["-enc_time_base:v", f"1/{video_scale}", "-c:v", "rawvideo"]
    return Command((*args, "-f", "framecrc", "-"))


def watched_sound_command(path: str, silence: str, loudness: str) -> Command:
    """`decode_command` of the sound, with what `watch` hears written to two files."""
    args = (*_STRICT, "-i", path, "-filter_complex", sound_graph(silence, loudness), "-map", "[heard]")
    return Command((*args, "-c:a", "pcm_s16le", "-f", "framecrc", "-"))


def decode_command(path: str, *, video_scale: int | None = None, audio: bool = False) -> Command:
    """Decode everything and print one framecrc line per frame: stream, dts, pts, duration, size, crc.

    `video_scale` (ticks/s of the printed times) asks for the picture; it is cropped to 16x16
    after decoding, so that only the decoder costs anything. `-xerror` and explode make
    FFmpeg stop at the first damaged packet instead of hiding it.
    """
    args = [*_STRICT, "-i", path]
    if video_scale is not None:
        args += ["-map", "0:v:0", "-vf", "crop=16:16:0:0", "-fps_mode", "passthrough"]
        args += ["-enc_time_base:v", f"1/{video_scale}", "-c:v", "rawvideo"]
    if audio:
        args += ["-map", "0:a:0", "-c:a", "pcm_s16le"]
    return Command((*args, "-f", "framecrc", "-"))


def payload_command(path: str) -> Command:
    """SHA-256 of the payload of all packets of each stream, in order, copied not decoded: `0,v,SHA256=...`."""
    args = (*QUIET, "-nostats", "-i", path, "-map", "0", "-c", "copy", "-f", "streamhash", "-hash", "sha256", "-")
    return Command(args)


def packets_command(path: str) -> Command:
    """Times of every packet, copied not decoded, as framecrc lines."""
    return Command((*QUIET, "-nostats", "-copyts", "-i", path, "-map", "0", "-c", "copy", "-f", "framecrc", "-"))


def parse_payload(text: str) -> dict[int, str]:
    """Stream index -> hash, from what `payload_command` prints."""
    hashes = {}
    for line in text.splitlines():
        parts = line.strip().split(",")
        if len(parts) == 3 and "=" in parts[2]:
            hashes[int(parts[0])] = parts[2].partition("=")[2].lower()
    return hashes
