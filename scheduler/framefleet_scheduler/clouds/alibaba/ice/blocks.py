"""What ICE's transcoding templates and overrides say: container, picture, sound, conditions, packaging."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from framefleet_scheduler.clouds.alibaba.ice.types import Flag, Number, Text, Whole
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works


class ContainerBlock(Wire):
    """What the file is."""

    Format: Annotated[
        Text,
        Works(
            "mp4, mov, mkv, webm, ts, flv; m3u8 (TS segments), hls-fmp4, mpd, cmaf; m4a, mp3, ogg, opus, flac, wav, ac3; gif, webp. "
            "mp4 where nothing is said. Others are refused"
        ),
    ] = None


class VideoBlock(Wire):
    """The picture. Bit rates are kbit/s."""

    Codec: Annotated[
        Text,
        Works("H.264, H.265, AV1; GIF and WEBP with the containers of these names; Copy into a file"),
    ] = None
    Width: Annotated[Whole, Works("128 to 4096, even")] = None
    Height: Annotated[Whole, Works("128 to 4096, even")] = None
    LongShortMode: Annotated[Flag, Works()] = None
    Bitrate: Annotated[Whole, Works("10 to 50000, or -1 for the source's")] = None
    Maxrate: Annotated[Whole, Works("with AV1 only where there is no Bitrate")] = None
    Bufsize: Annotated[Whole, Works("with Maxrate or TransMode CBR, else it has no meaning; not with AV1")] = None
    Crf: Annotated[Number, Works("0 to 51, whole with AV1; 23, 26 and 32 by codec")] = None
    Qscale: Annotated[Whole, Works("H.264: one quantizer for the whole film; not beside Bitrate or Crf")] = None
    Fps: Annotated[Number, Works("1 to 60; the source's, and 60 at most, where nothing is said")] = None
    MaxFps: Annotated[Number, Works("the source's rate, halved until it is below (50 becomes 25 under 30)")] = None
    Gop: Annotated[
        Text,
        Works(
            "the most: frames, or seconds as `5s`. Above 600 frames or 10 s there are keyframes at these. In HLS and DASH whole "
            "seconds, one at least, that a segment is a multiple of"
        ),
    ] = None
    Profile: Annotated[Text, Works("H.264: baseline, main, high")] = None
    Preset: Annotated[Text, Works("H.264: veryfast, fast, medium, slow, slower")] = None
    PixFmt: Annotated[Text, Works("yuv420p; yuvj420p is refused")] = None
    ScanMode: Annotated[
        Text,
        Works(
            "auto, progressive, or nothing: interlaced sources become progressive, without failing. interlaced is refused"
        ),
    ] = None
    Pad: Annotated[Text, Works("`width:height:left:top` with the picture in the middle; others are refused")] = None
    Crop: Annotated[Text, Works("`width:height:left:top`; `border` is refused")] = None
    Remove: Annotated[Flag, Works()] = None
    AbrMax: Annotated[Whole, Refused("it belongs to Narrowband HD")] = None


class VolumeBlock(Wire):
    """How loud it becomes."""

    Method: Annotated[
        Text, Works("dynamic and auto: EBU R128 by one gain over the whole film; linear: a change in dB")
    ] = None
    Level: Annotated[Number, Works("-60 to 20")] = None
    IntegratedLoudnessTarget: Annotated[Number, Works("-70 to -5")] = None
    TruePeak: Annotated[Number, Works("-9 to 0")] = None
    LoudnessRangeTarget: Annotated[
        Number, Ignored("loudness is changed by one gain, which keeps the range of the sound as it is")
    ] = None


class AudioBlock(Wire):
    """The sound. Bit rates are kbit/s."""

    Codec: Annotated[
        Text,
        Works(
            "AAC, MP3, AC3, FLAC, OPUS, pcm_s16le; Copy beside a picture of Copy; EAC3, MP2, VORBIS, WMA-V1 and WMA-V2 are refused"
        ),
    ] = None
    Profile: Annotated[Text, Works("aac_low; others are refused")] = None
    Bitrate: Annotated[Whole, Works("8 to 1000, as the codec can")] = None
    Samplerate: Annotated[Whole, Works("22050, 32000, 44100, 48000 or 96000, as the codec can; OPUS is 48000")] = None
    Channels: Annotated[Whole, Works("at most as many as the source has; 0 keeps the source's")] = None
    Remove: Annotated[Flag, Works()] = None
    Volume: Annotated[VolumeBlock | None, Works()] = None


class TransBlock(Wire):
    """How bits are spent, and what happens where the source has less."""

    TransMode: Annotated[Text, Works("CBR is constant with H.264, and capped at its bit rate with the others")] = None
    AdjDarMethod: Annotated[Text, Works("none stretches, rescale fits, crop fills, pad adds borders")] = None
    IsCheckReso: Annotated[Flag, Works("nothing is enlarged")] = None
    IsCheckResoFail: Annotated[Flag, Works()] = None
    IsCheckVideoBitrate: Annotated[Flag, Works()] = None
    IsCheckVideoBitrateFail: Annotated[Flag, Works()] = None
    IsCheckAudioBitrate: Annotated[Flag, Ignored("sound is encoded at the bit rate that is asked for")] = None
    IsCheckAudioBitrateFail: Annotated[Flag, Refused("the bit rate of the source's sound is not looked at")] = None


class SegmentBlock(Wire):
    """Lengths of segments."""

    Duration: Annotated[Number, Works("1 to 60 s (10)")] = None
    ForceSegTime: Annotated[Text, Refused("segments have one length")] = None


class MuxBlock(Wire):
    """Packaging."""

    Segment: Annotated[SegmentBlock | None, Works()] = None


class SubtitleStream(Wire):
    """A subtitle stream of the source."""

    Codec: Annotated[Text, Ignored("the container says how they are written")] = None


def _named(value: Any) -> Any:
    """The old spelling of a container: a text."""
    return {"Format": value} if isinstance(value, str) and value else value


class Transcode(Wire):
    """A transcoding template's config, or what is laid over it."""

    Container: Annotated[ContainerBlock | None, BeforeValidator(_named), Works()] = None
    Video: Annotated[VideoBlock | None, Works()] = None
    Audio: Annotated[AudioBlock | None, Works()] = None
    Volume: Annotated[VolumeBlock | None, Works("as Audio.Volume")] = None
    TransConfig: Annotated[TransBlock | None, Works()] = None
    MuxConfig: Annotated[MuxBlock | None, Works()] = None
    Subtitles: Annotated[
        list[SubtitleStream] | None, Works("an empty object for each, or any: all text tracks of the source go along")
    ] = None
