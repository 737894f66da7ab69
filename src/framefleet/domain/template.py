"""Templates: named, reusable target settings. A target may override any field of its template.

Sizes are pixels, bit rates bits/s, times seconds. The predefined set is `templates.yaml` beside this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, Protocol

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from framefleet.domain import shape
from framefleet.domain.complaint import near, refusal
from framefleet.domain.errors import InvalidTemplate, UnknownTemplate
from framefleet.domain.metadata import MetadataSettings, check_metadata
from framefleet.domain.packaging import Encryption, SegmentFormat, Thumbnails, check_file, check_ladder
from framefleet.domain.picture import PictureSettings, Pixels, SizeSettings, laid_under_renditions
from framefleet.domain.sound import AudioSettings, SoundContainer, check_sound, check_sound_file
from framefleet.domain.subtitles import LADDER, SubtitleSettings, check_subtitles
from framefleet.domain.value import NumberAsText, Value

VideoCodec = Literal["h264", "hevc", "av1", "vp9"]
Accelerator = Literal["auto", "cpu", "gpu"]
Container = Literal["mp4", "mov", "mkv", "webm", "ts", "flv"]
Packaging = Literal["hls", "dash", "cmaf"]

Bitrate = Annotated[int, Field(ge=1_000, le=400_000_000)]
PixelFormat = Literal["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"]


class VideoSettings(SizeSettings):
    """How one rendition is encoded."""

    codec: VideoCodec = "h264"
    crf: float | None = Field(default=None, ge=0, le=63)
    """Constant rate factor (or the encoder's nearest equivalent, such as NVENC's cq): lower is better. None: 23, unless a
    `bitrate` is given. AV1 and VP9 take whole numbers, H.264 and HEVC up to 51."""
    max_bitrate: Bitrate | None = None
    """Cap of the rate control; the buffer holds two seconds of it."""
    bitrate: Bitrate | None = None
    """Average of the whole film, instead of a constant quality (`crf`). An override with it leaves the template's `crf` and
    `max_bitrate` out."""
    passes: Literal[1, 2] | None = None
    """With a `bitrate`: 2 measures the film before its bits are shared out and looks at everything before it encodes it; 1 is
    about half the work and shares them out as the source did. None: 2."""
    preset: Annotated[str | None, NumberAsText] = Field(default=None, pattern=r"^[a-z0-9]{1,16}$")
    """The encoder family's own preset name; None for the family's default."""
    gop_seconds: float | None = Field(default=None, ge=0.5, le=10)
    """Seconds between keyframes. None: 4, and in a ladder the length of a segment. A segment of a ladder must be a whole
    number of it."""
    gop_frames: int | None = Field(default=None, ge=1, le=600)
    """Frames between keyframes, instead of `gop_seconds`."""
    tune: Annotated[str | None, NumberAsText] = Field(default=None, pattern=r"^[a-z0-9]{1,16}$")
    """What the encoder is tuned for, in the words of its family, such as `film` or `grain`."""
    profile: Annotated[str | None, NumberAsText] = Field(default=None, pattern=r"^[a-z0-9-]{1,16}$")
    """H.264: baseline, main, high, high10, high422, high444. HEVC: main, main10, main422-10, main444-8, main444-10.
    AV1: main. VP9: 0 to 3. None: the usual one for the pixel format."""
    level: Annotated[str | None, NumberAsText] = Field(default=None, pattern=r"^[1-7]\.[0-3]$")
    """What a decoder must be able to do, such as 4.1. None: the lowest that holds size, frame rate and bit rate. Not for VP9,
    whose stream carries none."""
    bframes: int | None = Field(default=None, ge=0, le=16)
    """B-frames in a row (H.264 and HEVC). None: 3, or none where the frame rate varies."""
    bit_depth: Literal[8, 10] | None = None
    """Bits per sample. None: 8, unless profile or pixel format say otherwise."""
    pixel_format: PixelFormat | None = None
    """Chroma and depth of the samples. None: yuv420p, or yuv420p10le with 10 bits."""

    @model_validator(mode="after")
    def _one_way_of_each(self) -> VideoSettings:
        if self.bitrate is not None and self.crf is not None:
            raise ValueError("crf and bitrate contradict each other: give one of them")
        if self.passes is not None and self.bitrate is None:
            raise ValueError("passes needs a bitrate: a constant quality is encoded in one pass")
        if self.bitrate is not None and self.max_bitrate is not None and self.max_bitrate < self.bitrate:
            raise ValueError("max_bitrate is below bitrate")
        if self.gop_seconds is not None and self.gop_frames is not None:
            raise ValueError("gop_seconds and gop_frames contradict each other: give one of them")
        return self


class FileTemplate(Value):
    """One file with one video rendition and its sound."""

    kind: Literal["file"] = "file"
    description: str = ""
    container: Container = "mp4"
    accelerator: Accelerator = "auto"
    video: VideoSettings = VideoSettings()
    audio: AudioSettings | None = AudioSettings()
    subtitles: SubtitleSettings | None = None
    """None leaves subtitles out."""
    metadata: MetadataSettings = MetadataSettings()
    """Tags, chapters and cover of the file."""


class Rung(Value):
    """One rung of a ladder."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    video: VideoSettings


class LadderTemplate(Value):
    """An adaptive ladder, packaged as HLS, DASH or both over one set of CMAF segments."""

    kind: Literal["ladder"] = "ladder"
    description: str = ""
    packaging: Packaging = "hls"
    accelerator: Accelerator = "auto"
    segment_seconds: float = Field(default=4.0, ge=1, le=10)
    video: PictureSettings = PictureSettings()
    """What is done to the picture of every rendition; a rendition's own `video` has precedence, field by field."""
    segment_format: SegmentFormat = "fmp4"
    """`ts`: MPEG-TS segments, for HLS players that are too old for fMP4."""
    start_number: int = Field(default=1, ge=0, le=1_000_000)
    """Number of the first segment, in names and manifests."""
    single_file: bool = False
    """True: one file per rendition, whose segments the manifests list as byte ranges."""
    iframe_playlists: bool = False
    """True: HLS playlists of the keyframes at the segments' beginnings, for fast winding."""
    encryption: Encryption | None = None
    """AES-128 of whole HLS segments. None: they are open."""
    thumbnails: Thumbnails | None = None
    """Sheets of small pictures in the manifests, for winding. None: without."""
    renditions: tuple[Rung, ...] = Field(min_length=1, max_length=10)
    audio: AudioSettings | None = AudioSettings()
    subtitles: SubtitleSettings | None = None
    """None leaves subtitles out."""

    @model_validator(mode="before")
    @classmethod
    def _for_every_rendition(cls, values: Any) -> Any:
        return laid_under_renditions(values)

    @model_validator(mode="after")
    def _names_are_unique(self) -> LadderTemplate:
        names = [r.name for r in self.renditions]
        if len(set(names)) != len(names):
            raise ValueError("two renditions have the same name")
        return self


class AudioTemplate(Value):
    """A file with sound only."""

    kind: Literal["audio"] = "audio"
    description: str = ""
    container: SoundContainer = "m4a"
    audio: AudioSettings = AudioSettings()
    metadata: MetadataSettings = MetadataSettings()
    """Tags, chapters and cover of the file."""


class RemuxTemplate(Value):
    """Another container around the same streams: nothing is encoded."""

    kind: Literal["remux"] = "remux"
    description: str = ""
    container: Container = "mp4"
    metadata: MetadataSettings = MetadataSettings()
    """Tags, chapters and cover of the file."""


class SnapshotTemplate(Value):
    """Single pictures from the source."""

    kind: Literal["snapshot"] = "snapshot"
    description: str = ""
    times: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(default=None, max_length=1000)
    """Seconds. None: `count` pictures, evenly spaced, in the middles of their intervals."""
    count: int = Field(default=3, ge=1, le=1000)
    width: Pixels | None = None
    height: Pixels | None = None
    format: Literal["jpg", "png", "webp"] = "jpg"
    quality: int = Field(default=85, ge=1, le=100)
    accurate: bool = True
    """True: the very frame shown at the time. False: the nearest keyframe before it, many times cheaper."""


class SpriteTemplate(Value):
    """Contact sheets with a WebVTT map, for scrubbing."""

    kind: Literal["sprite"] = "sprite"
    description: str = ""
    columns: int = Field(default=10, ge=1, le=50)
    rows: int = Field(default=10, ge=1, le=50)
    width: Pixels = 160
    """Width of a tile; the height follows the picture's shape unless given."""
    height: Pixels | None = None
    interval: float | None = Field(default=None, ge=0.1)
    """Seconds between tiles. None: as many tiles as fill one sheet, but at least one second apart."""
    format: Literal["jpg", "png", "webp"] = "jpg"
    quality: int = Field(default=75, ge=1, le=100)


class AnimationTemplate(Value):
    """A short moving preview."""

    kind: Literal["animation"] = "animation"
    description: str = ""
    format: Literal["gif", "webp"] = "gif"
    start: float | None = Field(default=None, ge=0)
    """Seconds. None: a tenth into the film."""
    duration: float = Field(default=3.0, gt=0, le=60)
    frame_rate: float = Field(default=10, ge=1, le=30)
    width: Pixels = 320
    quality: int = Field(default=75, ge=1, le=100)


Template = Annotated[
    FileTemplate
    | LadderTemplate
    | AudioTemplate
    | RemuxTemplate
    | SnapshotTemplate
    | SpriteTemplate
    | AnimationTemplate,
    Field(discriminator="kind"),
]
"""Settings of a target, told apart by `kind`."""

SHAPE = shape.of(Template)
_TEMPLATE: TypeAdapter[Template] = TypeAdapter(Template)


@cache
def predefined() -> Mapping[str, dict[str, Any]]:
    """The raw settings of every predefined template, by name."""
    text = resources.files("framefleet.domain").joinpath("templates.yaml").read_text("utf-8")
    loaded: dict[str, dict[str, Any]] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders; the C one is quick
    return loaded


class Known(Protocol):
    """The templates there are."""

    def find(self, reference: str) -> tuple[str, Mapping[str, Any]] | None:
        """What `reference` names for ever, and its raw settings; None when there is no such template.

        May raise UnknownTemplate itself, where more can be said.
        """

    def names(self) -> Iterable[str]:
        """All names, for hints."""


class Listed:
    """The templates of a mapping; without one the predefined templates."""

    def __init__(self, templates: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._templates = predefined() if templates is None else templates

    def find(self, reference: str) -> tuple[str, Mapping[str, Any]] | None:
        """The settings under a name."""
        return (reference, self._templates[reference]) if reference in self._templates else None

    def names(self) -> Iterable[str]:
        """All names."""
        return self._templates


def found(reference: str, known: Known, *, field: str) -> tuple[str, Mapping[str, Any]]:
    """What `known` has under a name; raises UnknownTemplate with the nearest name."""
    try:
        named = known.find(reference)
    except UnknownTemplate as error:
        error.field = error.field or field
        raise
    if named is not None:
        return named
    meant = near(reference, known.names())
    hint = f"; did you mean {meant}?" if meant else ""
    raise UnknownTemplate(f"there is no template named {reference!r}{hint}", field=field)


def resolve(
    name: str | None,
    overrides: Mapping[str, Any] | None = None,
    *,
    known: Known | None = None,
    field: str = "template",
) -> Template:
    """The settings of template `name` with `overrides` laid over them.

    Overrides are merged field by field; lists are replaced whole. `field` is the path of the target in the request,
    for error messages. Raises UnknownTemplate, UnknownField or InvalidTemplate.
    """
    return resolve_named(name, overrides, known=known, field=field)[1]


def resolve_named(
    name: str | None, overrides: Mapping[str, Any] | None = None, *, known: Known | None = None, field: str = "template"
) -> tuple[str | None, Template]:
    """As `resolve`, with what names the very version of the template that was used (`mine@3` for `mine`)."""
    reference: str | None = None
    base: Mapping[str, Any] = {}
    if name is not None:
        reference, base = found(name, known or Listed(), field=f"{field}.template")
    return reference, validated(laid_over(base, overrides or {}), f"{field}.overrides")


def validated(settings: Mapping[str, Any], path: str) -> Template:
    """Raw settings as a template; `path` is where they stand, for messages. Raises UnknownField or InvalidTemplate."""
    try:
        template = _TEMPLATE.validate_python(settings)
    except ValidationError as error:
        raise refusal(error, InvalidTemplate, SHAPE, prefix=path, whole="the template") from None
    try:
        check_packaging(template, path)
    except InvalidTemplate as error:
        error.field = (error.field or "").removeprefix(".") or None  # `path` may be empty
        raise
    return template


def check_packaging(settings: Template, path: str) -> None:
    """Refuse codecs and features that a target's container or packaging cannot hold; raises InvalidTemplate."""
    if isinstance(settings, FileTemplate | AudioTemplate | RemuxTemplate):
        check_metadata(settings.metadata, settings.container, f"{path}.metadata")
    match settings:
        case AudioTemplate():
            check_sound(settings.audio, f"{path}.audio")
            check_sound_file(settings.container, settings.audio, path)
        case FileTemplate():
            audio = _encoded(settings.audio, path)
            check_file(settings.container, settings.video.codec, audio, path)
            check_subtitles(settings.subtitles, settings.container, f"{path}.subtitles")
        case LadderTemplate():
            check_ladder(
                packaging=settings.packaging,
                segment_format=settings.segment_format,
                start_number=settings.start_number,
                single_file=settings.single_file,
                iframe_playlists=settings.iframe_playlists,
                encrypted=settings.encryption is not None,
                video=tuple(r.video.codec for r in settings.renditions),
                audio=_encoded(settings.audio, path),
                path=path,
            )
            check_subtitles(settings.subtitles, LADDER, f"{path}.subtitles")
        case _:
            pass


def _encoded(settings: AudioSettings | None, path: str) -> str | None:
    """The codec of the sound, once its settings are checked; None for none and for a copy: only the source tells its codec."""
    if settings is None:
        return None
    check_sound(settings, f"{path}.audio")
    return None if settings.codec == "copy" else settings.codec


REPLACES = {
    "gop_frames": ("gop_seconds",),
    "gop_seconds": ("gop_frames",),
    "bitrate": ("crf", "max_bitrate", "quality"),
    "quality": ("bitrate",),
    "crf": ("bitrate", "passes"),
}
"""Fields that say the same in another way: an override of one takes the template's other away."""


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid over it, field by field; lists are replaced whole."""
    gone = {other for key in over for other in REPLACES.get(key, ()) if over[key] is not None}
    merged = {key: value for key, value in base.items() if key not in gone}
    for key, value in over.items():
        below = merged.get(key)
        both_maps = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = laid_over(below, value) if both_maps else value  # type: ignore[arg-type]
    return merged
