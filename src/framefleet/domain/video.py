"""How the picture of a rendition is encoded, and ladders whose rungs are chosen for the film."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from framefleet.domain.picture import Pixels, SizeSettings
from framefleet.domain.value import NumberAsText, Value

VideoCodec = Literal["h264", "hevc", "av1", "vp9"]
Bitrate = Annotated[int, Field(ge=1_000, le=400_000_000)]
PixelFormat = Literal["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"]


Below = Literal["adapt", "refuse"]


class SourceBelow(Value):
    """What happens where the source has less than is asked for, of each by itself."""

    bitrate: Below | None = None
    """`adapt`: `bitrate` and `max_bitrate` are lowered to the source's. `refuse`: the target fails when the source has a lower bit
    rate than `bitrate`."""
    frame_rate: Below | None = None
    """`adapt`: the source's is kept. `refuse`: the target fails."""
    size: Below | None = None
    """`refuse`: the target fails when the source is smaller than the box. Without `upscale` nothing is enlarged anyway. `adapt`:
    the box of `pad` shrinks, too, to what the picture fills in one direction (its shape stays)."""


class VideoSettings(SizeSettings):
    """How one rendition is encoded."""

    codec: VideoCodec = "h264"
    crf: float | None = Field(default=None, ge=0, le=63)
    """Constant rate factor (or the encoder's nearest equivalent, such as NVENC's cq): lower is better. None: 23, unless a
    `bitrate` is given. AV1 and VP9 take whole numbers, H.264 and HEVC up to 51."""
    qp: int | None = Field(default=None, ge=0, le=63)
    """One quantizer for the whole film, instead of a quality (`crf`): lower is better. H.264 and HEVC up to 51, and AV1."""
    max_bitrate: Bitrate | None = None
    """Cap of the rate control; the buffer holds two seconds of it, or `buffer_size`."""
    buffer_size: Annotated[int, Field(ge=10_000, le=1_000_000_000)] | None = None
    """Bits a player's buffer holds: how far the rate may be above `max_bitrate` for a while. H.264, HEVC and VP9."""
    bitrate: Bitrate | None = None
    """Average of the whole film, instead of a constant quality (`crf`). An override with it leaves the template's `crf` and
    `max_bitrate` out."""
    passes: Literal[1, 2] | None = None
    """With a `bitrate`: 2 measures the film before its bits are shared out and looks at everything before it encodes it; 1 is
    about half the work and shares them out as the source did. None: 2."""
    constant_bitrate: bool = False
    """True: the `bitrate` holds at every time, give or take what the buffer holds (`buffer_size`; half a second of it), with
    padding where the picture needs less, as for broadcasting. H.264 only."""
    source_below: Below | SourceBelow | None = None
    """What happens where the source has less than is asked for. `adapt`: `bitrate`, `max_bitrate` and `frame_rate` are
    lowered to the source's. `refuse`: the target fails when the source has a lower bit rate, frame rate or size than that.
    An object says it for each of them. None: nothing but that pictures are not enlarged."""
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
    refs: int | None = Field(default=None, ge=1, le=16)
    """Frames a frame may refer to (H.264 and HEVC). None: the preset's, as far as the level holds them."""
    bit_depth: Literal[8, 10] | None = None
    """Bits per sample. None: 8, unless profile or pixel format say otherwise."""
    pixel_format: PixelFormat | None = None
    """Chroma and depth of the samples. None: yuv420p, or yuv420p10le with 10 bits."""

    @property
    def below(self) -> SourceBelow:
        """What `source_below` says of each."""
        said = self.source_below
        if isinstance(said, SourceBelow):
            return said
        return SourceBelow(bitrate=said, frame_rate=said, size="refuse" if said == "refuse" else None)

    @model_validator(mode="after")
    def _one_way_of_each(self) -> Self:
        if self.bitrate is not None and self.crf is not None:
            raise ValueError("crf and bitrate contradict each other: give one of them")
        if self.qp is not None and (self.crf is not None or self.bitrate is not None or self.max_bitrate is not None):
            raise ValueError("qp contradicts crf, bitrate and max_bitrate: give it alone")
        if self.buffer_size is not None and self.max_bitrate is None and not self.constant_bitrate:
            raise ValueError("buffer_size needs a max_bitrate")
        if self.constant_bitrate and (self.bitrate is None or self.max_bitrate is not None or self.passes == 2):
            raise ValueError("constant_bitrate needs a bitrate, and neither max_bitrate nor two passes")
        if self.passes is not None and self.bitrate is None:
            raise ValueError("passes needs a bitrate: a constant quality is encoded in one pass")
        if self.bitrate is not None and self.max_bitrate is not None and self.max_bitrate < self.bitrate:
            raise ValueError("max_bitrate is below bitrate")
        if self.gop_seconds is not None and self.gop_frames is not None:
            raise ValueError("gop_seconds and gop_frames contradict each other: give one of them")
        return self


CLOSEST = 1.25
"""Rungs of an automatic ladder are at least so far apart in their caps."""
_CHOSEN = (
    *(
        "width",
        "height",
        "long_edge",
        "short_edge",
        "width_share",
        "height_share",
        "turn_box",
        "resize",
        "upscale",
        "pad_color",
    ),
    *("max_bitrate", "bitrate", "passes", "qp", "constant_bitrate", "source_below"),
)


class AutoLadder(Value):
    """Rungs chosen for the film: by its size, its frame rate, and the bits that quick encodes of parts of it take."""

    video: VideoSettings = VideoSettings()
    """How all rungs are encoded. Sizes and bit rates are chosen, `crf` left out too: 23 for H.264, 26 for HEVC, 33 for VP9
    and 35 for AV1."""
    min_renditions: int = Field(default=3, ge=1, le=15)
    """At least so many rungs."""
    max_renditions: int = Field(default=15, ge=1, le=15)
    """At most so many."""
    min_bitrate: Bitrate = 100_000
    """No rung's cap is below it."""
    max_bitrate: Bitrate = 16_000_000
    """No rung's cap is above it."""
    min_long_edge: Pixels = 256
    """No rung's longer side is below it, unless the source's is."""
    max_long_edge: Pixels | None = None
    """No rung's longer side is above it. null: the source's size is the limit, as it always is."""

    @model_validator(mode="after")
    def _chooses_alone(self) -> Self:
        plain = VideoSettings()
        given = [name for name in _CHOSEN if getattr(self.video, name) != getattr(plain, name)]
        if given:
            raise ValueError(f"sizes and bit rates are chosen for the film: leave out video.{given[0]}")
        return self

    @model_validator(mode="after")
    def _bounds_leave_room(self) -> Self:
        if self.min_renditions > self.max_renditions:
            raise ValueError("min_renditions is above max_renditions")
        if self.max_long_edge is not None and self.max_long_edge < self.min_long_edge:
            raise ValueError("max_long_edge is below min_long_edge")
        if self.max_bitrate < self.min_bitrate * CLOSEST ** (self.min_renditions - 1):
            raise ValueError(
                f"{self.min_renditions} rungs do not fit between min_bitrate and max_bitrate: each is to have at least "
                f"{CLOSEST:g} times the bits of the next"
            )
        return self
