"""VOD's words, where they are not MPS's."""

from __future__ import annotations

from typing import Annotated, Any

from framefleet_scheduler.clouds.fields import Works
from framefleet_scheduler.clouds.tencent.models import Picture
from framefleet_scheduler.clouds.tencent.words import Words, unsupported

_REFUSALS = (
    "AudioBitrate AudioChannel AudioCodec AudioSampleRate ClassId ClassIds ColumnCount Comment Container ContainerType CoverType "
    "Definition Definitions DeleteDefaultTemplate DisableHigherVideoBitrate DisableHigherVideoResolution DrmType EndTime "
    "EndTimeOffset ExistedName ExpireTime FileId FileIds FileIdsEmpty FileIdsOverLimit FileIdsTooMany FileType FillType Format Fps "
    "Height InvalidOperationType Limit LimitTooLarge MediaStoragePath MediaType MediaUrl ModifyDefaultTemplate Name Names Offset "
    "OffsetTooLarge Procedure ProcedureName Quality RemoveAudio RemoveVideo Resolution ResolutionAdaptive RowCount SampleInterval "
    "SampleRate SampleType SessionContextTooLong SessionId SessionIdTooLong Sort StartTime StartTimeOffset Status StorageRegion "
    "CoordinateOrigin ImageContent ImageTemplate TextAlpha TextTemplate Watermarks XPos YPos "
    "SubAppId TEHDType TaskId Thumbnails Type Types Url Vcrf VideoBitrate VideoCodec Width"
)


class VodPicture(Picture):
    """As a template has it."""

    PreserveHDRSwitch: Annotated[str | None, Works("`ON` with H.265 and AV1 (10 bits); `OFF` is the default")] = None
    CodecTag: Annotated[str | None, Works("`hvc1`; `hev1` is refused")] = None


def _more(picture: Picture) -> dict[str, Any]:
    if not isinstance(picture, VodPicture):
        return {"hdr": "sdr"}
    if picture.CodecTag not in {None, "", "hvc1"}:
        raise unsupported("CodecTag hev1 is not supported here: H.265 is tagged hvc1")
    if picture.PreserveHDRSwitch == "ON":
        if picture.Codec not in {"libx265", "av1"}:
            raise unsupported("PreserveHDRSwitch ON needs Codec libx265 or av1")
        return {"bit_depth": 10}
    return {"hdr": "sdr"}


VOD = Words(
    name="vod",
    video={"libx264": "h264", "libx265": "hevc", "av1": "av1"},
    audio={
        "libfdk_aac": "aac",
        "libmp3lame": "mp3",
        "ac3": "ac3",
        "flac": "flac",
        "pcm16": "pcm_s16le",
        "copy": "copy",
    },
    containers=frozenset({"mp4", "flv", "hls", "mp3", "flac", "ogg", "m4a", "wav"}),
    refusals=frozenset(_REFUSALS.split()),
    as_source=False,
    unit=1000,
    smallest_still=32,
    widest=8192,
    fastest=100,
    sample_rates=frozenset({16000, 32000, 44100, 48000}),
    more_video=_more,
)
