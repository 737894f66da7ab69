"""A plan in short: what each target would be, and what the task may cost. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

from framefleet.domain.estimate import estimate, together
from framefleet.domain.measured import Measured
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.preview import (
    Figure,
    PicturesView,
    PlannedSubtask,
    PlanView,
    RenditionView,
    SoundView,
    TargetView,
)
from framefleet.domain.spec_summary import rendition
from framefleet.domain.still_spec import AnimationSpec, SnapshotSpec, SpriteSpec
from framefleet.domain.subtask import (
    AudioTrackSpec,
    ConcatSpec,
    Encoding,
    FilePackage,
    LadderPackage,
    Plan,
    RemuxPackage,
    Subtask,
    VideoTrack,
)
from framefleet.domain.task import Target, Task

Commands = Mapping[int, Sequence[Sequence[str]]]


def plan_view(
    task: Task,
    media: Sequence[MediaInfo],
    plan: Plan,
    *,
    slots: Mapping[str, int],
    measured: Measured,
    commands: Commands | None = None,
) -> PlanView:
    """Of a plan with its probes. `slots`: live ones that take work, by tag; `commands`: of each subtask."""
    outputs = tuple(_target(target, task, media, plan) for target in task.targets)
    return PlanView(
        duration=float(plan.duration),
        targets=plan.targets,
        outputs=outputs,
        subtasks=tuple(_subtask(subtask, commands or {}) for subtask in plan.subtasks),
        estimate=estimate(plan.subtasks, outputs, slots, measured),
    )


def _subtask(subtask: Subtask, commands: Commands) -> PlannedSubtask:
    return PlannedSubtask(
        n=subtask.n,
        kind=subtask.kind.value,
        tag=subtask.tag.value,
        needs=subtask.needs,
        label=subtask.label,
        weight=round(subtask.weight, 3),
        commands=tuple(tuple(argv) for argv in commands.get(subtask.n, ())),
    )


def _target(target: Target, task: Task, media: Sequence[MediaInfo], plan: Plan) -> TargetView:
    finals = set(plan.targets.get(target.name, ()))
    spec = next((s.spec for s in plan.subtasks if s.n in finals), None)
    view = TargetView(
        name=target.name,
        template=target.template,
        uri=target.uri,
        kind=target.settings.kind,
        bytes=Figure(sure="unknown", basis="the size of pictures depends on what they show"),
    )
    match spec:
        case ConcatSpec():
            return view.model_copy(update=_joined(spec, task, media, plan))
        case SnapshotSpec() | SpriteSpec() | AnimationSpec():
            return view.model_copy(update={"pictures": _pictures(spec)})
        case _:
            return view


def _pictures(spec: SnapshotSpec | SpriteSpec | AnimationSpec) -> PicturesView:
    if isinstance(spec, SnapshotSpec):
        count = len(spec.groups) or len(spec.shots)
    else:
        count = spec.tiles if isinstance(spec, SpriteSpec) else spec.frames
    return PicturesView(count=count, width=spec.look.width, height=spec.look.height, format=spec.format)


def _joined(spec: ConcatSpec, task: Task, media: Sequence[MediaInfo], plan: Plan) -> dict[str, Any]:
    """The fields of a file or a ladder."""
    package = spec.package
    made = {s.n: s.spec for s in plan.subtasks if isinstance(s.spec, AudioTrackSpec)}
    tracks = [(track, made[track.subtask]) for track in spec.audio if track.subtask in made]
    sound = tuple(
        SoundView(
            id=track.id,
            codec=own.settings.codec,
            bitrate=own.bitrate,
            channels=own.channels,
            sample_rate=own.sample_rate,
            language=track.language,
        )
        for track, own in tracks
    )
    if isinstance(package, RemuxPackage):
        size = _copied(task, media)
    elif isinstance(package, FilePackage) and package.copied is not None:
        size = Figure(sure="unknown", basis="the picture is copied, and takes what it takes in the source")
    else:
        size = together(
            [_of_picture(t.encoding, spec.duration) for t in spec.video] + [_of_sound(s, spec.duration) for s in sound]
        )
    return {
        "packaging": package.packaging if isinstance(package, LadderPackage) else package.container,
        "renditions": tuple(_rendition(track) for track in spec.video),
        "sound": sound,
        "subtitles": tuple(track.language for track in spec.subtitles),
        "bytes": size,
        "warnings": spec.warnings,
    }


def _rendition(track: VideoTrack) -> RenditionView:
    rate = None if track.rate is None else round(float(track.rate), 3)
    return RenditionView.model_validate(rendition(track.encoding) | {"name": track.name, "frame_rate": rate})


# --- sizes ----------------------------------------------------------------------------------


def _of_picture(encoding: Encoding, duration: Fraction) -> Figure:
    if encoding.bitrate is not None:
        return _size(encoding.bitrate, duration, "rough", "the bit rates asked for; packaging comes on top")
    if encoding.max_bitrate is not None:
        return _size(
            encoding.max_bitrate, duration, "at_most", "the caps of the bit rates; a constant quality takes less"
        )
    return Figure(sure="unknown", basis="a constant quality without a cap takes what the picture needs")


def _of_sound(sound: SoundView, duration: Fraction) -> Figure:
    if sound.bitrate is None:
        return Figure(sure="unknown", basis=f"{sound.codec} sound without a bit rate takes what it needs")
    return _size(sound.bitrate, duration, "rough", "the bit rates asked for; packaging comes on top")


def _copied(task: Task, media: Sequence[MediaInfo]) -> Figure:
    whole = all(s.start == 0 and s.duration is None for s in task.request.sources)
    sizes = [info.size_bytes for info in media if info.size_bytes is not None]
    if whole and len(sizes) == len(media):
        return Figure(value=float(sum(sizes)), sure="rough", basis="the size of the sources, which are copied")
    return Figure(sure="unknown", basis="only a part of the sources is copied")


def _size(bitrate: int, duration: Fraction, sure: Literal["rough", "at_most"], basis: str) -> Figure:
    return Figure(value=float(round(bitrate * float(duration) / 8)), sure=sure, basis=basis)
