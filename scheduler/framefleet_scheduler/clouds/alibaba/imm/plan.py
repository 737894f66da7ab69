"""CreateMediaConvertTask as a task of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from framefleet_scheduler.clouds.addresses import Named, NoAddress, of_text
from framefleet_scheduler.clouds.alibaba.imm import groups, stills, targets
from framefleet_scheduler.clouds.alibaba.imm.picture import Address
from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid, limit_exceeded, missing, unsupported
from framefleet_scheduler.clouds.alibaba.imm.requests import (
    MOST_TARGETS,
    MOST_USER_DATA,
    CreateMediaConvertTask,
    Notification,
    Source,
    Target,
)
from framefleet_scheduler.clouds.origin import users_tags

MOST_SOURCES = 11


@dataclass(frozen=True, slots=True)
class Plan:
    """A task as it is asked for."""

    request: dict[str, Any]
    """Of ours."""
    places: tuple[str, ...]
    """Where each target stands in the vendor's request."""
    told_at: str | None
    """The address that is called at the end."""
    message_uri: str | None
    """Where the message is written: an address of ours."""


def planned(asked: CreateMediaConvertTask, named: Named, topics: Mapping[str, str]) -> Plan:
    """The task that is asked for; `named` says which storages there are. Raises Refusal."""
    _check(asked)

    def address(uri: str, path: str) -> str:
        try:
            return of_text(uri, named)
        except NoAddress as error:
            raise invalid(path, str(error)) from None

    film = targets.Film(
        joined=sum(not one.attached for one in asked.sources) > 1,
        trimmed=any(one.start_time or one.duration for one in asked.sources if not one.attached),
        attached=any(one.attached for one in asked.sources),
    )
    made: list[tuple[dict[str, Any], str]] = []
    for i, one in enumerate(asked.targets):
        made += _made(one, f"t{i}", f"Targets[{i}]", address, film)
    for i, group in enumerate(asked.target_groups):
        path = f"TargetGroups[{i}]"
        made.append((groups.group(group, f"g{i}", path, address, film), path))
    if len(made) > MOST_TARGETS:
        raise limit_exceeded(f"a task makes up to {MOST_TARGETS} things, not {len(made)}")
    told_at, message_uri = _told(asked.notification, address, topics)
    request: dict[str, Any] = {
        "sources": [_source(one, f"Sources[{i}]", address) for i, one in enumerate(asked.sources)],
        "align": {"index": asked.alignment_index},
        "targets": [target for target, _ in made],
        "tags": dict(asked.tags),
    }
    if asked.user_data is not None:
        request["user_data"] = asked.user_data
    return Plan(request, tuple(path for _, path in made), told_at, message_uri)


def _check(asked: CreateMediaConvertTask) -> None:
    if len(asked.sources) > MOST_SOURCES:
        raise limit_exceeded(f"Sources: {MOST_SOURCES} media files can be given, not {len(asked.sources)}")
    if not asked.targets and not asked.target_groups:
        raise missing("Targets")
    if users_tags(asked.tags) != asked.tags:
        raise invalid("Tags", "one of these names is the server's own")
    if asked.user_data is not None and len(asked.user_data.encode()) > MOST_USER_DATA:
        raise invalid("UserData", f"it has more than {MOST_USER_DATA} bytes")
    if asked.alignment_index >= len(asked.sources):
        raise invalid("AlignmentIndex", "it names no source")
    if asked.sources[asked.alignment_index].attached:
        raise invalid(f"Sources[{asked.alignment_index}].Attached", "the source of AlignmentIndex cannot be attached")


def _made(one: Target, name: str, path: str, address: Address, film: targets.Film) -> list[tuple[dict[str, Any], str]]:
    found: list[tuple[dict[str, Any], str]] = []
    if one.uri is not None or one.container is not None:
        found.append((targets.target(one, name, path, address, film), path))
    elif one.subtitle is not None and one.subtitle.extract_subtitle is not None and not one.subtitle.disable_subtitle:
        found.append((targets.texts(one.subtitle, name, f"{path}.Subtitle", address), path))
    if one.image is not None:
        found += stills.targets(one.image, name, f"{path}.Image", address)
    if not found:
        raise missing(f"{path}.URI")
    return found


def _source(one: Source, path: str, address: Address) -> dict[str, Any]:
    found: dict[str, Any] = {
        "uri": address(one.uri, f"{path}.URI"),
        "start": one.start_time,
        "video": not one.disable_video,
        "audio": not one.disable_audio,
    }
    if one.duration:
        found["duration"] = one.duration
    if one.attached:
        if one.disable_audio:
            raise unsupported(f"{path}.DisableAudio", "only the sound of an attached source is used")
        found["attached"] = "once" if one.align_mode == "false" else one.align_mode
        found["video"] = True
    if one.subtitles:
        found["subtitles"] = [
            {
                "uri": address(subtitle.uri, f"{path}.Subtitles[{i}].URI"),
                "language": subtitle.language,
                "offset": subtitle.time_offset,
            }
            for i, subtitle in enumerate(one.subtitles)
        ]
    return found


def _told(wanted: Notification | None, address: Address, topics: Mapping[str, str]) -> tuple[str | None, str | None]:
    if wanted is None:
        return None, None
    asked = [
        (topic.topic_name, path)
        for topic, path in ((wanted.mns, "Notification.MNS"), (wanted.rocket_mq, "Notification.RocketMQ"))
        if topic is not None and topic.topic_name
    ]
    if len(asked) > 1:
        raise unsupported("Notification.RocketMQ", "one topic is told; give MNS or RocketMQ")
    for name, path in asked:
        if name not in topics:
            raise invalid(
                f"{path}.TopicName", "there is no such topic here; FRAMEFLEET_CLOUD_TOPICS names those there are"
            )
    uri = wanted.extended_message_uri
    return (
        topics[asked[0][0]] if asked else None,
        None if uri is None else address(uri, "Notification.ExtendedMessageURI"),
    )
