"""Local copies of what is drawn into pictures: images from users' addresses, files of texts, fonts."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

from framefleet.adapters.fonts import family_name, find_font
from framefleet.domain.address import Address, source_address
from framefleet.domain.errors import FontMissing, InvalidWatermark, SourceError, SourceNotFound
from framefleet.domain.overlay import MAX_IMAGE_BYTES, PlacedImage, PlacedText
from framefleet.domain.subtask import VideoChunkSpec
from framefleet.domain.subtitles import Burned
from framefleet.media.burn import FONTS, family_asset, texts_asset
from framefleet.media.overlays import (
    WIDE_LETTERS,
    burned_of,
    font_asset,
    image_asset,
    image_command,
    marks_of,
    text_asset,
)
from framefleet_workers.digest import sha256_file
from framefleet_workers.parts import fetch, needed_tracks
from framefleet_workers.work import SOURCE_URL_SECONDS, Work


@dataclass(frozen=True, slots=True)
class Assets:
    """Files a chunk's watermarks and subtitles are made of."""

    paths: dict[str, str]
    """By the keys the command knows them under."""
    digest: str | None
    """Of all their bytes: equal for two chunks whose watermarks look alike; None when there are none."""


def fetch_assets(work: Work, spec: VideoChunkSpec) -> Assets:
    """Everything the chunk's watermarks and subtitles need.

    Raises SourceErrors for images that cannot be had or used, and FontMissing.
    """
    paths: dict[str, Path] = {}
    for mark in marks_of(spec):
        if isinstance(mark, PlacedImage):
            key = image_asset(mark.uri)
            paths[key] = paths.get(key) or _image(work, mark.uri, len(paths))
        else:
            key = text_asset(mark.text)
            paths[key] = paths.get(key) or _text(work, mark.text, len(paths))
            paths[font_asset(mark)] = _font(mark)
    names: dict[str, str] = {}
    for burned in burned_of(spec):
        number = dict(spec.texts)[burned.text]
        made = needed_tracks(work, [number])[number][burned.text]
        file = work.path(f"{burned.text}.{made.form}")
        file.write_bytes(fetch(work, made.init))
        fonts = _fonts(work, burned, file.read_text("utf-8"))
        names[family_asset(burned)] = family_name(fonts[0])
        names[FONTS] = str(fonts[0].parent)
        paths |= {texts_asset(burned): file, **{f"font {font.name}": font for font in fonts}}
    if not paths:
        return Assets({}, None)
    digest = hashlib.sha256()
    for key in sorted(paths):
        digest.update(f"{key}\0{sha256_file(paths[key])}\0".encode())
    return Assets({key: str(path) for key, path in paths.items()} | names, digest.hexdigest())


def _image(work: Work, uri: str, number: int) -> Path:
    """An image as PNG with transparency, whatever it was."""
    path = work.path(f"mark-{number}.png")
    try:
        url = _reachable(work, source_address(uri, "watermarks"), path.with_suffix(".image"))
    except SourceError as error:
        error.message = f"watermark: {error.message}"
        error.args = (error.message,)
        raise
    result = work.lines(image_command(work.tools.ffmpeg, url, str(path)), lambda line: None, verify=False)
    if result.returncode != 0 or not path.exists():
        raise InvalidWatermark(
            f"the watermark {uri.partition('?')[0]} is not an image that can be used", log=result.tail
        )
    return path


def _reachable(work: Work, address: Address, copy: Path) -> str:
    """Where FFmpeg reads the image: a copy in the attempt's folder, or the web through the guard."""
    access = work.storages.source_url(address, SOURCE_URL_SECONDS, max_bytes=MAX_IMAGE_BYTES)
    if address.scheme in {"http", "https"}:
        work.reads_web = True
        return access.url
    place = work.storages.locate(address)
    if not place.store.fetch(place.key, copy):
        raise SourceNotFound(f"{address.uri}: there is no such object")
    work.read_bytes += copy.stat().st_size
    return str(copy)


def _text(work: Work, text: str, number: int) -> Path:
    path = work.path(f"mark-{number}.txt")
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _font(mark: PlacedText) -> Path:
    return find_font(mark.font, bold=mark.bold, wide=font_asset(mark).endswith("-cjk"))


def _fonts(work: Work, burned: Burned, text: str) -> list[Path]:
    """The fonts that subtitles need, in a folder of their own, the usual one first."""
    found = [find_font(burned.font)]
    if "<b>" in text:
        with suppress(FontMissing):  # libass makes letters fat by itself
            found.append(find_font(burned.font, bold=True))
    if any(ord(c) >= WIDE_LETTERS for c in text):
        found.append(find_font(burned.font, wide=True))
    copies = [work.path(f"fonts/{font.name}") for font in found]
    for font, copy in zip(found, copies, strict=True):
        if not copy.exists():
            copyfile(font, copy)
    return copies
