"""Packages of joins: what a target's template says about its container, as the worker needs it."""

from __future__ import annotations

from framefleet.domain.subtask import LadderPackage
from framefleet.domain.template import LadderTemplate


def ladder_package(template: LadderTemplate) -> LadderPackage:
    """The packaging of a ladder. The key of an encrypted one stays with the accepted task: plans are shown."""
    encryption = template.encryption
    return LadderPackage(
        packaging=template.packaging,
        segment_seconds=template.segment_seconds,
        segment_format=template.segment_format,
        start_number=template.start_number,
        single_file=template.single_file,
        iframe_playlists=template.iframe_playlists,
        encrypted=encryption is not None,
        key_uri=encryption.key_uri if encryption else None,
    )
