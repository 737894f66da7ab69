"""A job of ICE as a task of ours: every output a target that can be found again, an HLS or DASH group one ladder. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from framefleet.domain.task import MAX_SOURCES
from framefleet_scheduler.clouds.addresses import NoAddress, of_text
from framefleet_scheduler.clouds.alibaba.ice import priorities, words
from framefleet_scheduler.clouds.alibaba.ice.blocks import Transcode
from framefleet_scheduler.clouds.alibaba.ice.clips import Timed, clip, moment, trim
from framefleet_scheduler.clouds.alibaba.ice.convert import Group, GroupOutput, HlsGroup, Job, MediaFile, Output
from framefleet_scheduler.clouds.alibaba.ice.features import Extras, ImageMark, TextMark
from framefleet_scheduler.clouds.alibaba.ice.ladders import AUDIO, Stream, ladder
from framefleet_scheduler.clouds.alibaba.ice.marks import watermarks
from framefleet_scheduler.clouds.alibaba.ice.settings import ANIMATIONS, COPIED, FILES, LADDERS, SOUNDS, Made, made
from framefleet_scheduler.clouds.alibaba.ice.types import merged

MOST_OUTPUTS = 50
MOST_METADATA = 4

Named = Callable[[str], bool]
"""Whether there is a storage of a name."""


class Templates(Protocol):
    """The templates there are. Raises Refusal for one there is not; `path` is where its id stands."""

    def transcode(self, template_id: str, path: str) -> Transcode:
        """A template of type 1."""

    def mark(self, template_id: str, path: str) -> ImageMark | TextMark:
        """A template of type 4 or 5."""


@dataclass(frozen=True, slots=True)
class Element:
    """One output, and where it is found again."""

    path: str
    """`OutputGroups[0].Outputs[1]`."""
    target: str
    """Name of our target."""
    media: str
    """The address in the vendor's words."""
    name: str = ""
    group: int | None = None
    rung: str | None = None
    """Name of the rendition, or `audio`, where it is one of several in a ladder."""


@dataclass(slots=True)
class Planned:
    """A task's sources and targets, and what became of each output."""

    sources: list[dict[str, Any]]
    targets: list[dict[str, Any]] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """Of each target, the parameter it was made from."""
    priority: int = priorities.DEFAULT
    """The vendor's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One output with its template."""

    path: str
    made: Made
    clip: Timed | None
    name: str
    media: str
    group: HlsGroup
    settings: dict[str, Any]
    """Of its target, beside picture and sound."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans jobs."""

    templates: Templates
    named: Named
    priority: int = priorities.DEFAULT
    """Of outputs that say none: their pipeline's."""

    def plan(self, job: Job) -> Planned:
        """The task. Raises Refusal."""
        words.check_supported(job, "Config.")
        words.check_bytes("Config.JobName", job.JobName, 64)
        outputs, groups = job.Outputs or [], job.OutputGroups or []
        planned = Planned(self.sources([one.InputFile for one in job.Inputs or []], "Config.Inputs", "InputFile"))
        _check_counts(outputs, groups)
        alone = [
            self._asked(output, f"Outputs[{i}]", place(output.OutputFile, f"Outputs[{i}].OutputFile"))
            for i, output in enumerate(outputs)
        ]
        grouped = [self._group(group, f"OutputGroups[{i}]") for i, group in enumerate(groups)]
        stated: list[Output | GroupOutput] = [*outputs, *(one for group in groups for one in group.Outputs or [])]
        everything = [*alone, *(one for those in grouped for one in those)]
        shared = trim(
            planned.sources,
            [(one.clip, one.made.kind == "animation") for one in everything],
            first_part=any(_clips_first(one.Features) for one in stated),
            path="Features.Clip",
        )
        for i, one in enumerate(alone):
            self.add(planned, f"o{i}", one, None, shared)
        bases = [_base(group, "") for group in groups if _kind(group, "") != "file"]
        for i, (group, those) in enumerate(zip(groups, grouped, strict=True)):
            if _kind(group, "") == "file":
                for j, one in enumerate(those):
                    self.add(planned, f"g{i}-o{j}", one, i, shared)
            else:
                self._add_group(planned, group, those, i, apart=bases.count(_base(group, "")) > 1)
        planned.priority = self.highest([one.Priority for one in stated])
        return planned

    def highest(self, stated: list[int | None]) -> int:
        """The priority of a job with outputs of these. Raises Refusal."""
        for value in stated:
            priorities.check("Priority", value)
        return max(self.priority if value is None else value for value in stated)

    # --- addresses -------------------------------------------------------------------------

    def sources(self, inputs: list[MediaFile | None], path: str, field: str = "") -> list[dict[str, Any]]:
        """The sources of a task. Raises Refusal."""
        if not inputs:
            raise words.missing(path)
        if len(inputs) > MAX_SOURCES:
            raise words.beyond(path, f"there may be {MAX_SOURCES}")
        found = []
        for i, media in enumerate(inputs):
            at = f"{path}[{i}].{field}".rstrip(".")
            found.append({"uri": self.address(place(media, at), f"{at}.Media")})
        return found

    def address(self, text: str, path: str) -> str:
        """Ours of theirs. Raises Refusal."""
        try:
            return of_text(text, self.named)
        except NoAddress as error:
            raise words.unfit(path, str(error)) from None

    # --- outputs ---------------------------------------------------------------------------

    def made(
        self, template: str | None, over: Transcode | None, path: str, media: str, *, grouped: bool = False
    ) -> Made:
        """What a template and what is laid over it make. Raises Refusal."""
        if template is None and (over is None or not over.model_fields_set):
            raise words.missing(f"{path}.TemplateId")
        base = self.templates.transcode(template, f"{path}.TemplateId") if template else Transcode()
        config = laid_over(base, over) if over is not None else base
        return made(config, path, _extension(media), grouped=grouped)

    def _asked(self, output: Output | GroupOutput, path: str, media: str, *, grouped: bool = False) -> Asked:
        found = self.made(output.TemplateId, output.OverrideParams, path, media, grouped=grouped)
        extras = output.Features or Extras()
        settings: dict[str, Any] = {}
        if extras.Watermarks:
            at = f"{path}.Features.Watermarks"
            mark(found, watermarks(extras.Watermarks, self.templates.mark, self.named, at), at)
        if extras.Metadata:
            settings["metadata"] = _metadata(extras.Metadata, found, f"{path}.Features.Metadata")
        return Asked(
            path=path,
            made=found,
            clip=clip(extras.Clip.TimeSpan if extras.Clip else None, f"{path}.Features.Clip.TimeSpan"),
            name=output.Name or "",
            media=media,
            group=(output.HlsGroupConfig if isinstance(output, GroupOutput) else None) or HlsGroup(),
            settings=settings,
        )

    def add(self, planned: Planned, name: str, one: Asked, group: int | None, shared: Timed | None) -> None:
        """A target of its own."""
        found = one.made
        overrides: dict[str, Any]
        match found.kind:
            case "file":
                overrides = {"kind": "file", "container": found.form, "video": found.video, "audio": found.audio}
            case "audio":
                overrides = {"kind": "audio", "container": _SOUND_IN.get(found.form, found.form), "audio": found.audio}
            case "remux":
                heard = "all" if found.audio == COPIED else found.audio
                overrides = {"kind": "remux", "container": found.form, "audio": heard}
            case "animation":
                when = moment(one.clip, shared, f"{one.path}.Features.Clip")
                overrides = {"kind": "animation", "format": found.form, **(found.video or {}), **when}
            case _:
                stem = one.media.rsplit("/", 1)[-1].rsplit(".", 1)[0]
                overrides = ladder([Stream(one.path, found, stem, one.group)]).overrides
        if found.subtitles and found.kind in {"file", "ladder"}:
            overrides["subtitles"] = {"mode": "embed"}
        uri = self.address(one.media, f"{one.path}.OutputFile")
        planned.targets.append({"name": name, "uri": uri, "overrides": overrides | one.settings})
        planned.elements.append(Element(one.path, name, one.media, one.name, group))
        planned.paths.append(one.path)

    # --- groups ----------------------------------------------------------------------------

    def _group(self, group: Group, path: str) -> list[Asked]:
        kind = _kind(group, path)
        base = _base(group, path)
        if not group.Outputs:
            raise words.missing(f"{path}.Outputs")
        found = []
        for j, output in enumerate(group.Outputs):
            at = f"{path}.Outputs[{j}]"
            file = output.OutputFileName or output.OutputFile
            if file is None and kind == "file":
                raise words.missing(f"{at}.OutputFileName")
            media = f"{base}/{(file or output.Name or f'stream{j + 1}').lstrip('/')}"
            found.append(self._asked(output, at, media, grouped=kind != "file"))
        return found

    def _add_group(self, planned: Planned, group: Group, those: list[Asked], at: int, *, apart: bool) -> None:
        """One ladder of a whole group; `apart`: its streams go into a folder of the manifest's name, since another group has the
        same folder.
        """
        path = f"OutputGroups[{at}]"
        assert group.GroupConfig is not None
        is_hls, manifest = _kind(group, path) == "hls", group.GroupConfig.ManifestName
        if manifest is None:
            raise words.missing(f"{path}.GroupConfig.ManifestName")
        if "/" in manifest:
            raise words.unfit(f"{path}.GroupConfig.ManifestName", "it is the name of a file, without a folder")
        extension = ".m3u8" if is_hls else ".mpd"
        whole = f"{_base(group, path)}/{manifest}" + ("" if manifest.lower().endswith(extension) else extension)
        streams = [
            Stream(one.path, one.made, one.media.rsplit("/", 1)[-1].rsplit(".", 1)[0], one.group) for one in those
        ]
        found = ladder(streams, "hls" if is_hls else "dash")
        overrides = found.overrides | {"own_folder": apart}
        if any(one.made.subtitles for one in those):
            overrides["subtitles"] = {"mode": "embed"}
        uri = self.address(whole, f"{path}.GroupConfig.OutputFileBase.Media")
        planned.targets.append({"name": f"g{at}", "uri": uri, "overrides": overrides})
        planned.paths.append(path)
        for one, rung in zip(those, found.rungs, strict=True):
            folder = whole.rsplit(".", 1)[0] if apart else _base(group, path)
            where = f"{folder}/{rung}/index.m3u8" if is_hls and rung != AUDIO else whole
            planned.elements.append(Element(one.path, f"g{at}", where, one.name, at, rung))


def laid_over(base: Transcode, over: Transcode) -> Transcode:
    """A template's config with other values, block by block and field by field."""
    below = base.model_dump(exclude_unset=True, exclude_none=True)
    above = over.model_dump(exclude_unset=True, exclude_none=True)
    video, told = above.get("Video", {}), above.get("TransConfig", {})
    # One way to spend bits takes the place of the template's other one.
    gone = {"Bitrate", "Qscale"} if "Crf" in video else {"Crf", "Qscale"} if "Bitrate" in video else set()
    if gone and "Video" in below:
        below["Video"] = {k: v for k, v in below["Video"].items() if k not in gone}
    if gone and "TransMode" not in told and "TransConfig" in below:
        is_crf = below["TransConfig"].get("TransMode", "").lower() == "fixcrf"
        if is_crf != ("Crf" in video):
            below["TransConfig"] = {k: v for k, v in below["TransConfig"].items() if k != "TransMode"}
    return Transcode.model_validate(merged(below, above))


def mark(found: Made, marks: list[dict[str, Any]], path: str) -> None:
    """Lay watermarks over an output's picture. Raises Refusal."""
    if found.video is None or found.kind == "animation":
        raise words.unsupported(path, f"{found.form} has no picture that is encoded")
    found.video["watermarks"] = [*found.video.get("watermarks", []), *marks]


_SOUND_IN = {"mp4": "m4a", "mov": "m4a", "mkv": "mka"}
"""Containers of sound alone that are files of these formats."""


def _check_counts(outputs: list[Output], groups: list[Group]) -> None:
    if not outputs and not groups:
        raise words.missing("Config.OutputGroups")
    if (
        len(outputs) + len(groups) > MOST_OUTPUTS
        or len(outputs) + sum(len(g.Outputs or []) for g in groups) > MOST_OUTPUTS
    ):
        raise words.beyond("Config.OutputGroups", f"there may be {MOST_OUTPUTS} outputs")


def place(media: MediaFile | None, path: str) -> str:
    """The address of a file as it was given. Raises Refusal."""
    if media is None or media.Media is None:
        raise words.missing(f"{path}.Media")
    if (media.Type or "OSS").lower() not in {"oss", "externalurl"}:
        raise words.unsupported(f"{path}.Type", "there is no library of media here: use OSS")
    return media.Media.strip()


def _kind(group: Group, path: str) -> str:
    if group.GroupConfig is None or group.GroupConfig.Type is None:
        raise words.missing(f"{path}.GroupConfig.Type")
    kind = group.GroupConfig.Type.lower()
    if kind not in {"file", "hls", "dash"}:
        raise words.unfit(f"{path}.GroupConfig.Type", "it is none of File, Hls and Dash")
    return kind


def _base(group: Group, path: str) -> str:
    held = group.GroupConfig.OutputFileBase if group.GroupConfig is not None else None
    return place(held, f"{path}.GroupConfig.OutputFileBase").rstrip("/")


def _clips_first(extras: Extras | None) -> bool:
    return bool(extras and extras.Clip and extras.Clip.ConfigToClipFirstPart)


def _extension(media: str) -> str | None:
    """The format that a file's name says, where it is one of ours."""
    name = media.rsplit("/", 1)[-1]
    said = name.rpartition(".")[2].lower() if "." in name else ""
    return said if said in FILES | SOUNDS | ANIMATIONS | LADDERS.keys() else None


def _metadata(pairs: dict[str, str], found: Made, path: str) -> dict[str, Any]:
    if len(pairs) > MOST_METADATA:
        raise words.beyond(path, f"there may be {MOST_METADATA} pairs")
    if any(len(key) > 64 or len(value) > 512 for key, value in pairs.items()):
        raise words.beyond(path, "a key may have 64 characters and a value 512")
    if found.kind not in {"file", "audio", "remux"}:
        raise words.unsupported(path, f"{found.form} says nothing about itself")
    return {"set": {key.lower(): value for key, value in pairs.items()}}
