"""Packages of joins: what a target's template says about its container, as the worker needs it."""

from __future__ import annotations

from framefleet.domain.packaging import Thumbnails, own_folder
from framefleet.domain.still_spec import SpriteSpec
from framefleet.domain.stills import SpriteTemplate
from framefleet.domain.subtask import ImageTrack, LadderPackage
from framefleet.domain.task import Target
from framefleet.domain.template import LadderTemplate
from framefleet_scheduler.plan.reel import Reel
from framefleet_scheduler.plan.stills import sprite

THUMBNAILS = "thumbnails"
"""Folder of a ladder's sheets."""


def ladder_package(template: LadderTemplate, images: ImageTrack | None = None) -> LadderPackage:
    """The packaging of a ladder. The key of an encrypted one stays with the accepted task: plans are shown."""
    encryption = template.encryption
    return LadderPackage(
        packaging=template.packaging,
        segment_seconds=template.segment_seconds,
        segment_format=template.segment_format,
        start_number=template.start_number,
        own_folder=template.own_folder,
        single_file=template.single_file,
        iframe_playlists=template.iframe_playlists,
        encrypted=encryption is not None,
        key_uri=encryption.key_uri if encryption else None,
        images=images,
    )


def sheets(target: Target, template: LadderTemplate, wanted: Thumbnails, reel: Reel, path: str) -> SpriteSpec:
    """The contact sheets of a ladder, in a folder of their own below its manifest."""
    folder = (own_folder(target.uri) if template.own_folder else target.uri).rsplit("/", 1)[0]
    below = target.model_copy(update={"uri": f"{folder}/{THUMBNAILS}/{{index:05d}}.jpg"})
    settings = SpriteTemplate(
        width=wanted.width, turn_box=False, columns=wanted.columns, rows=wanted.rows, interval=wanted.interval
    )
    return sprite(below, settings, reel, f"{path}.thumbnails")


def image_track(spec: SpriteSpec, subtask: int) -> ImageTrack:
    """The sheets as manifests list them."""
    return ImageTrack(
        subtask=subtask,
        columns=spec.columns,
        rows=spec.rows,
        width=spec.look.width,
        height=spec.look.height,
        interval=spec.interval,
    )
