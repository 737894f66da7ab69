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
from framefleet.domain.packaging import Encryption, SegmentFormat, Thumbnails, check_file, check_held, check_ladder
from framefleet.domain.picture import PictureSettings, laid_under_renditions
from framefleet.domain.sound import AudioSettings, Missing, SoundContainer, Tracks, check_sound, check_sound_file
from framefleet.domain.stills import STILL_REPLACES, AnimationTemplate, SnapshotTemplate, SpriteTemplate, check_stills
from framefleet.domain.subtitles import LADDER, SubtitleSettings, check_not_burnt, check_subtitles
from framefleet.domain.value import Value
from framefleet.domain.video import AutoLadder, VideoSettings

Accelerator = Literal["auto", "cpu", "gpu"]
Container = Literal["mp4", "mov", "mkv", "webm", "ts", "flv"]
Packaging = Literal["hls", "dash", "cmaf"]


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
    segment_seconds: float = Field(default=4.0, ge=1, le=60)
    video: PictureSettings = PictureSettings()
    """What is done to the picture of every rendition; a rendition's own `video` has precedence, field by field."""
    segment_format: SegmentFormat = "fmp4"
    """`ts`: MPEG-TS segments, for HLS players that are too old for fMP4."""
    start_number: int = Field(default=1, ge=0, le=1_000_000)
    """Number of the first segment, in names and manifests."""
    own_folder: bool = False
    """True: all but the manifests lies in a folder of the manifest's name without its extension, so that several ladders may
    have their manifests in one folder. False: it lies beside the manifest."""
    single_file: bool = False
    """True: one file per rendition, whose segments the manifests list as byte ranges."""
    iframe_playlists: bool = False
    """True: HLS playlists of the keyframes at the segments' beginnings, for fast winding."""
    encryption: Encryption | None = None
    """AES-128 of whole HLS segments. None: they are open."""
    thumbnails: Thumbnails | None = None
    """Sheets of small pictures in the manifests, for winding. None: without."""
    renditions: tuple[Rung, ...] = Field(default=(), max_length=15)
    """The rungs, from the largest to the smallest. None are given with `auto`."""
    keep_equal: bool = False
    """True: renditions that come out in the same size, such as those of several bit rates, are all made. False: of those that
    come out (nearly) equal the lowest is."""
    auto: AutoLadder | None = None
    """Rungs chosen for the film, in place of `renditions`. null: they are given."""
    audio: AudioSettings | None = AudioSettings()
    subtitles: SubtitleSettings | None = None
    """None leaves subtitles out."""

    @model_validator(mode="before")
    @classmethod
    def _for_every_rendition(cls, values: Any) -> Any:
        return laid_under_renditions(values)

    @model_validator(mode="after")
    def _has_rungs(self) -> LadderTemplate:
        if bool(self.renditions) == (self.auto is not None):
            raise ValueError("give renditions or auto" + (", not both" if self.renditions else ""))
        return self

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
    """Another container around the same streams: nothing is encoded, unless `audio` asks for other sound. Sources that match are
    joined; trims go from keyframe to keyframe, so that all that was asked for is in, and a warning says what was moved.
    """

    kind: Literal["remux"] = "remux"
    description: str = ""
    container: Container = "mp4"
    video: bool = True
    """False: the picture is left out. Without `audio` too there is no film: only subtitles are written, beside its address."""
    audio: Tracks | AudioSettings | None = "all"
    """Which sound is copied: `all`, `main`, or a list of tracks as in `audio.tracks` of other targets. An object of settings as
    in `audio` of other targets: sound is encoded so, beside the picture that is copied. None: there is none."""
    missing: Missing = "refuse"
    """Tracks of that list that the source does not have: `refuse` fails the target, `skip` leaves them out."""
    subtitles: SubtitleSettings | None = None
    """None leaves subtitles out. Not with `burn`, and not where sources are joined or trimmed and all is copied."""
    data: bool = False
    """True: data streams of the one source (timecodes, telemetry, KLV) are copied too, where the container is of the source's
    kind: from ts to ts, from mp4 and mov to mov, and telemetry (GoPro's) to mp4. False: they are left out."""
    metadata: MetadataSettings = MetadataSettings()
    """Tags, chapters and cover of the file."""

    @model_validator(mode="after")
    def _has_something(self) -> RemuxTemplate:
        beside = self.subtitles is not None and self.subtitles.mode == "sidecar"
        if not self.video and self.audio is None and (not beside or self.data):
            raise ValueError("without video and audio there are subtitles alone, with mode sidecar and without data")
        if self.data and isinstance(self.audio, AudioSettings):
            raise ValueError("data streams are copied where sound is copied too or left out")
        return self


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
        case RemuxTemplate():
            check_subtitles(settings.subtitles, settings.container, f"{path}.subtitles")
            check_not_burnt(settings.subtitles, f"{path}.subtitles")
            if isinstance(settings.audio, AudioSettings):
                _check_beside_copy(settings.container, settings.audio, f"{path}.audio")
        case LadderTemplate():
            check_ladder(
                packaging=settings.packaging,
                segment_format=settings.segment_format,
                start_number=settings.start_number,
                single_file=settings.single_file,
                iframe_playlists=settings.iframe_playlists,
                encrypted=settings.encryption is not None,
                video={f"renditions[{i}].video": r.video.codec for i, r in enumerate(settings.renditions)}
                if settings.auto is None
                else {"auto.video": settings.auto.video.codec},
                audio=_encoded(settings.audio, path),
                path=path,
            )
            check_subtitles(settings.subtitles, LADDER, f"{path}.subtitles")
        case SnapshotTemplate() | SpriteTemplate() | AnimationTemplate():
            check_stills(settings, path)
        case _:
            pass


def _check_beside_copy(container: str, settings: AudioSettings, path: str) -> None:
    """Refuse sound that cannot be encoded beside a picture that is copied; raises InvalidTemplate with the field."""
    if settings.codec == "copy":
        raise InvalidTemplate(
            "settings are for sound that is encoded",
            field=f"{path}.codec",
            hint='To copy it, let audio be "main", "all" or a list of tracks.',
        )
    check_sound(settings, path)
    check_held(container, settings.codec, f"{path}.codec")


def _encoded(settings: AudioSettings | None, path: str) -> str | None:
    """The codec of the sound, once its settings are checked; None for none and for a copy: only the source tells its codec."""
    if settings is None:
        return None
    check_sound(settings, f"{path}.audio")
    return None if settings.codec == "copy" else settings.codec


REPLACES = {
    "gop_frames": ("gop_seconds",),
    "gop_seconds": ("gop_frames",),
    "bitrate": ("crf", "max_bitrate", "quality", "qp"),
    "qp": ("crf", "max_bitrate", "bitrate", "passes", "constant_bitrate", "buffer_size"),
    "quality": ("bitrate",),
    "crf": ("bitrate", "passes", "qp", "constant_bitrate"),
    "max_bitrate": ("qp", "constant_bitrate"),
    "width": ("long_edge", "short_edge", "width_share"),
    "height": ("long_edge", "short_edge", "height_share"),
    "width_share": ("width", "long_edge", "short_edge"),
    "height_share": ("height", "long_edge", "short_edge"),
    "long_edge": ("width", "height", "width_share", "height_share"),
    "short_edge": ("width", "height", "width_share", "height_share"),
    "auto": ("renditions",),
    "renditions": ("auto",),
} | STILL_REPLACES
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
