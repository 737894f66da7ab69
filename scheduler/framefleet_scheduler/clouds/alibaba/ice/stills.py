"""ICE's snapshots and animations: what is asked for, and our settings. Pure."""

from __future__ import annotations

from typing import Annotated, Any

from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.blocks import VideoBlock
from framefleet_scheduler.clouds.alibaba.ice.clips import clip, moment
from framefleet_scheduler.clouds.alibaba.ice.convert import MediaFile
from framefleet_scheduler.clouds.alibaba.ice.features import Span
from framefleet_scheduler.clouds.alibaba.ice.settings import animated, box
from framefleet_scheduler.clouds.alibaba.ice.types import Flag, Text, Whole
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works

MOST = 1000
"""Pictures of one job."""

_BOUNDS = (
    ("CellWidth", 16, 4096),
    ("CellHeight", 16, 4096),
    ("Columns", 1, 50),
    ("Lines", 1, 50),
    ("Padding", 0, 256),
    ("Margin", 0, 256),
)


class Sheet(Wire):
    """A contact sheet."""

    CellWidth: Annotated[Whole, Works("the snapshot's width where nothing is said")] = None
    CellHeight: Annotated[Whole, Works()] = None
    Columns: Annotated[Whole, Works("1 to 50 (10)")] = None
    Lines: Annotated[Whole, Works("1 to 50 (10)")] = None
    Padding: Annotated[Whole, Works("0 to 256 pixels")] = None
    Margin: Annotated[Whole, Works("0 to 256 pixels")] = None
    Color: Annotated[Text, Works()] = None


class Snapshot(Wire):
    """A snapshot template's config, or what is laid over it."""

    Type: Annotated[Text, Works("Normal, Sprite, WebVtt; Cover takes the best of its place")] = None
    FrameType: Annotated[Text, Works("normal: the very frame; intra (default): the keyframe nearest to it")] = None
    Time: Annotated[Whole, Works("milliseconds (0)")] = None
    Interval: Annotated[Whole, Works("seconds; 0 or nothing: evenly from Time to the end")] = None
    Count: Annotated[Whole, Works("1 to 1000; those beyond the film's end are not made")] = None
    Width: Annotated[Whole, Works("8 to 4096; the other side follows where only one is said")] = None
    Height: Annotated[Whole, Works("8 to 4096")] = None
    BlackLevel: Annotated[Whole, Refused("black pictures are not left out; Type Cover chooses a bright one")] = None
    PixelBlackThreshold: Annotated[
        Whole, Refused("black pictures are not left out; Type Cover chooses a bright one")
    ] = None
    IsSptFrag: Annotated[Flag, Works("of WebVtt: true (default) lays pictures on sheets; false is refused")] = None
    SpriteSnapshotConfig: Annotated[Sheet | None, Works()] = None


class Schedule(Wire):
    """Where and when a job is done."""

    PipelineId: Annotated[Text, Works()] = None
    Priority: Annotated[Whole, Works("1 to 10")] = None


class SnapshotConfig(Wire):
    """Template and overrides."""

    TemplateId: Annotated[Text, Works("a custom template of type 2; not needed where OverwriteParams say all")] = None
    OverwriteParams: Annotated[Snapshot | None, Works()] = None


class SubmitSnapshotJob(Wire):
    """The operation."""

    Name: Annotated[Text, Works("up to 128 characters")] = None
    Input: Annotated[MediaFile, Works()]
    Output: Annotated[
        MediaFile,
        Works(
            "several pictures need {Count} in their name, sheets {TileCount}; JPEG, or PNG and WebP by extension."
            " Of WebVtt it may also be the name of the .vtt, else that lies beside the sheets"
        ),
    ]
    TemplateConfig: Annotated[SnapshotConfig, Works()]
    ScheduleConfig: Annotated[Schedule | None, Works()] = None
    UserData: Annotated[Text, Works("up to 2048 bytes; NotifyAddress in it has precedence over the callback")] = None


class Animation(Wire):
    """An animation template's config, or what is laid over it."""

    Format: Annotated[Text, Works("gif, webp")] = None
    Fps: Annotated[Whole, Works("1 to 60 (10); up to 50 in a GIF")] = None
    Width: Annotated[Whole, Works("128 to 4096")] = None
    Height: Annotated[Whole, Works("128 to 4096")] = None
    LongShortMode: Annotated[Flag, Works("true where nothing is said")] = None
    ScanMode: Annotated[Text, Ignored("animations are progressive")] = None
    TimeSpan: Annotated[Span | None, Works("up to 120 s")] = None


class AnimationConfig(Wire):
    """Template and overrides."""

    TemplateId: Annotated[Text, Works("a custom template of type 3; not needed where OverwriteParams say all")] = None
    OverwriteParams: Annotated[Animation | None, Works()] = None


class SubmitDynamicImageJob(Wire):
    """The operation."""

    Name: Annotated[Text, Works("up to 128 characters")] = None
    Input: Annotated[MediaFile, Works()]
    Output: Annotated[MediaFile, Works()]
    TemplateConfig: Annotated[AnimationConfig, Works()]
    ScheduleConfig: Annotated[Schedule | None, Works()] = None
    UserData: Annotated[Text, Works("up to 2048 bytes; NotifyAddress in it has precedence over the callback")] = None


class SubmitSyncMediaInfoJob(Wire):
    """The operation."""

    Name: Annotated[Text, Works()] = None
    Input: Annotated[MediaFile, Works()]
    ScheduleConfig: Annotated[Schedule | None, Ignored("a look is at once")] = None
    UserData: Annotated[Text, Works("up to 2048 bytes")] = None


class GetSnapshotUrls(Wire):
    """The operation."""

    JobId: Annotated[Text, Works("required")] = None
    OrderBy: Annotated[Text, Works("Asc (default), Desc")] = None
    PageNumber: Annotated[Whole, Works("from 1")] = None
    PageSize: Annotated[Whole, Works("1 to 30 (10)")] = None
    Timeout: Annotated[Whole, Works("seconds, up to 129600 (3600), where the files lie on an S3 server")] = None


def kind_of(asked: Snapshot) -> str:
    """Normal, Sprite, WebVtt or Cover. Raises Refusal."""
    kind = {"normal": "Normal", "sprite": "Sprite", "webvtt": "WebVtt", "cover": "Cover"}.get(
        (asked.Type or "Normal").lower()
    )
    if kind is None:
        raise words.unfit("TemplateConfig.OverwriteParams.Type", "it is none of Normal, Sprite, WebVtt and Cover")
    return kind


def address(text: str, kind: str, several: bool) -> str:
    """The output's name with our placeholder. Raises Refusal."""
    name = text.replace("{Count}", "{index:05d}", 1).replace("{TileCount}", "{index:05d}", 1)
    if kind == "WebVtt" and text.lower().endswith(".vtt"):
        return f"{name[:-4]}_{{index:05d}}.jpg" if "{index" not in name else f"{name[:-4]}.jpg"
    if several and "{index" not in name:
        place = "{TileCount}" if kind in {"Sprite", "WebVtt"} else "{Count}"
        raise words.unfit("Output.Media", f"several pictures need {place} in their name")
    return name


def snapshot(asked: Snapshot, extension: str) -> dict[str, Any]:
    """`overrides` of a target; `extension` of its file. Raises Refusal."""
    at = "TemplateConfig.OverwriteParams"
    words.check_supported(asked, f"{at}.")
    kind = kind_of(asked)
    words.check_within(f"{at}.Time", asked.Time, 0, 86_400_000)
    words.check_within(f"{at}.Interval", asked.Interval, 0, 86_400)
    words.check_within(f"{at}.Count", asked.Count, 1, MOST)
    for name, side in (("Width", asked.Width), ("Height", asked.Height)):
        words.check_within(f"{at}.{name}", side, 16, 4096)
    frame = (asked.FrameType or "intra").lower()
    if frame not in {"intra", "normal"}:
        raise words.unfit(f"{at}.FrameType", "it is none of intra and normal")
    form = {"png": "png", "webp": "webp"}.get(extension, "jpg")
    size = box(asked.Width, asked.Height, turns=False)
    if size:
        size |= {"upscale": True} | ({"resize": "exact"} if len(size) == 3 else {})
    common = {"format": form, "accurate": frame == "normal", **size}
    start = (asked.Time or 0) / 1000
    if kind in {"Sprite", "WebVtt"}:
        if kind == "WebVtt" and asked.IsSptFrag is False:
            raise words.unsupported(f"{at}.IsSptFrag", "pictures of a WebVTT file lie on sheets")
        return _sheet(asked, common, at)
    if kind == "Cover":
        return {"kind": "snapshot", "count": 1, "best": {}, "format": form, **size}
    found = {"kind": "snapshot", **common}
    if (asked.Count or 0) == 1 or (asked.Count is None and not asked.Interval):
        return found | {"times": [start]}
    if asked.Interval:
        return found | {"interval": asked.Interval, "start": start, "count": asked.Count or MOST}
    return found | {"count": asked.Count, "start": start}


def _sheet(asked: Snapshot, common: dict[str, Any], at: str) -> dict[str, Any]:
    sheet = asked.SpriteSnapshotConfig or Sheet()
    place = f"{at}.SpriteSnapshotConfig"
    for name, low, high in _BOUNDS:
        words.check_within(f"{place}.{name}", getattr(sheet, name), low, high)
    size = box(sheet.CellWidth or asked.Width, sheet.CellHeight or asked.Height, turns=False)
    if size:
        size |= {"upscale": True} | ({"resize": "exact"} if len(size) == 3 else {})
    found = {
        "kind": "sprite",
        "columns": sheet.Columns or 10,
        "rows": sheet.Lines or 10,
        "padding": sheet.Padding or 0,
        "margin": sheet.Margin or 0,
        **{k: v for k, v in common.items() if k in {"format", "accurate"}},
        **size,
    }
    if sheet.Color is not None:
        found["background"] = sheet.Color.lower()
    found |= {"start": asked.Time / 1000} if asked.Time else {}
    found |= {"interval": asked.Interval} if asked.Interval else {}
    return found | ({"count": asked.Count} if asked.Count else {})


def animation(asked: Animation) -> dict[str, Any]:
    """`overrides` of a target. Raises Refusal."""
    at = "TemplateConfig.OverwriteParams"
    form = (asked.Format or "gif").lower()
    if form not in {"gif", "webp"}:
        raise words.unfit(f"{at}.Format", "it is none of gif and webp")
    picture = VideoBlock(
        Width=asked.Width,
        Height=asked.Height,
        LongShortMode=asked.LongShortMode is not False,
        Fps=None if asked.Fps is None else float(asked.Fps),
    )
    when = moment(clip(asked.TimeSpan, f"{at}.TimeSpan"), None, f"{at}.TimeSpan")
    return {"kind": "animation", "format": form, **animated(picture, at), **when}
