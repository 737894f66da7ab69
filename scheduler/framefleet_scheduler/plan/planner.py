"""Task + probe results + settings -> the plan. The same input always gives the same plan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from framefleet.domain.errors import (
    SourceNoAudio,
    SourceNoVideo,
    UnsupportedFeature,
)
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.sound import AudioSettings
from framefleet.domain.stills import AnimationTemplate, SnapshotTemplate, SpriteTemplate
from framefleet.domain.subtask import (
    AudioTrack,
    AudioTrackSpec,
    ConcatSpec,
    Encoding,
    FilePackage,
    ImageTrack,
    LadderPackage,
    Plan,
    ProbeSpec,
    Spec,
    Subtask,
    Tag,
    VideoTrack,
)
from framefleet.domain.task import Target, Task
from framefleet.domain.template import (
    AudioTemplate,
    FileTemplate,
    LadderTemplate,
    RemuxTemplate,
    Rung,
)
from framefleet_scheduler.plan import audio, auto, average, beside, copies, cost, geometry, remuxes, stills, subtitles
from framefleet_scheduler.plan.grids import UNKNOWN, Grids, film_digest, rendition_digest
from framefleet_scheduler.plan.metadata import carried
from framefleet_scheduler.plan.packages import image_track, ladder_package, sheets
from framefleet_scheduler.plan.reel import Reel
from framefleet_scheduler.plan.resample import frames_of, require_common_cuts
from framefleet_scheduler.plan.timeline import Part, Timeline, join
from framefleet_scheduler.plan.video import Encodings, Group, cut

FRAME_WIDTH = 640
"""Most pixels of the picture that a dry run takes of a source."""


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What the planner needs to know about the installation."""

    slots: int = 2
    """Live CPU slots: the film is cut so that all have work."""
    gpu_slots: int = 0
    gpu_encoders: frozenset[str] = field(default_factory=frozenset)
    """GPU encoders that live workers really open."""


def probe_subtasks(task: Task) -> list[Subtask]:
    """One probe per source, numbered from 1."""
    measured = auto.excerpts(task)
    pictured = task.dry is not None and task.dry.frame
    return [
        Subtask(
            n=i + 1,
            tag=Tag.CPU,
            spec=ProbeSpec(source=i, measure=part, frame=FRAME_WIDTH if pictured and i == 0 else None),
            weight=0.5 if part is None else 8.0,
        )
        for i, part in enumerate(measured)
    ]


def plan_task(
    task: Task,
    media: Sequence[MediaInfo],
    settings: PlanSettings,
    grids: Grids = UNKNOWN,
    without: Collection[str] = (),
) -> Plan:
    """Plan everything after the probes, on a grid that was used before where that saves work; `without` some targets.

    Raises a FramefleetError with the field that asks for the impossible.
    """
    return _Planner(task, media, settings, grids).plan(without)


class _Planner:
    def __init__(self, task: Task, media: Sequence[MediaInfo], settings: PlanSettings, grids: Grids) -> None:
        self.task = task
        self.settings = settings
        self.grids = grids
        self.parts = join(task.request.sources, media)
        self.film = self.parts[-1].offset + self.parts[-1].length
        self.sound_wanted = [task.request.sources[p.source].audio for p in self.parts]
        self.beside = beside.tracks(task.request.sources, media, self.film)
        self.next_number = len(media) + 1
        self.subtasks: list[Subtask] = []
        self.tracks: dict[tuple[object, ...], tuple[AudioTrackSpec, int]] = {}
        self.texts = subtitles.Texts(lambda spec: self._add(spec, weight=0.5))
        self._timeline: Timeline | None = None
        self._wanted: Encodings | None = None

    def plan(self, without: Collection[str]) -> Plan:
        """Pictures first (something to look at in seconds), then the parts, then what joins them."""
        finals: dict[str, tuple[int, ...]] = {}
        joins: list[tuple[int, Target]] = []
        wanted = [(i, target) for i, target in enumerate(self.task.targets) if target.name not in without]
        for i, target in wanted:
            picture = self._picture(target, f"targets[{i}]")
            if picture is None:
                joins.append((i, target))
            else:
                finals[target.name] = (self._add(picture, weight=1.0),)
        wishes = [(i, target, self._video_wishes(target, f"targets[{i}]")) for i, target in joins]
        chunks = self._cut()
        for i, target, wish in wishes:
            finals[target.name] = (self._concat(target, f"targets[{i}]", wish, chunks),)
        order = {t.name: finals[t.name] for _, t in wanted}
        return Plan(subtasks=tuple(self.subtasks), targets=order, duration=self.film)

    # --- pictures --------------------------------------------------------------------------

    def _picture(self, target: Target, path: str) -> Spec | None:
        match target.settings:
            case SnapshotTemplate() as settings:
                return stills.snapshot(target, settings, self._reel(path), path)
            case SpriteTemplate() as settings:
                return stills.sprite(target, settings, self._reel(path), path)
            case AnimationTemplate() as settings:
                return stills.animation(target, settings, self._reel(path), path)
            case _:
                return None

    def _reel(self, path: str) -> Reel:
        return Reel(self._joined(path).parts, self._leading, self.task.request.align.mode)

    @property
    def _leading(self) -> int:
        """Place of the source that gives the defaults."""
        return [p.source for p in self.parts].index(self.task.request.align.index)

    def _joined(self, path: str) -> Timeline:
        if self._timeline is None:
            for part in self.parts:
                if part.media.main_video is None or part.count == 0:
                    raise SourceNoVideo(
                        f"source {part.source + 1} has no video, but target {path} needs it",
                        field=f"sources[{part.source}].uri",
                    )
            self._timeline = Timeline.of(self.parts, self._leading)
        return self._timeline

    # --- video -----------------------------------------------------------------------------

    def _encodings(self, path: str) -> Encodings:
        if self._wanted is None:
            self._wanted = Encodings(self._joined(path), self.settings.gpu_encoders)
        return self._wanted

    def _video_wishes(self, target: Target, path: str) -> list[tuple[str, Encoding]]:
        """(name, encoding) of every rendition a target has, best first."""
        template = target.settings
        below = f"{path}.overrides"
        if isinstance(template, FileTemplate):
            video = template.video
            look = self._drawn(template, geometry.look(video, *self._shown_size(path), f"{below}.video"), below)
            wish = self._encodings(path).want(video, look, template.accelerator, None, f"{below}.video")
            return [("video", wish)]
        if isinstance(template, LadderTemplate):
            rungs = self._rungs(template, path, below)
            require_common_cuts(
                [frames_of(self._joined(path), rung.video) for rung, _, _ in rungs],
                template.segment_seconds,
                f"{below}.renditions",
            )
            wanted, segment = self._encodings(path), template.segment_seconds
            return [
                (
                    rung.name,
                    wanted.want(rung.video, self._drawn(template, look, below), template.accelerator, segment, place),
                )
                for rung, look, place in rungs
            ]
        return []

    def _rungs(self, template: LadderTemplate, path: str, below: str) -> list[tuple[Rung, geometry.Look, str]]:
        """Rungs, largest first, with their pictures and the places of their settings in the request."""
        size = self._shown_size(path)
        if template.auto is not None:
            place = f"{below}.auto.video"
            return [(*rung, place) for rung in auto.ladder(template.auto, self._joined(path).parts, size, place)]
        given = template.renditions
        found = geometry.ladder(given, *size, f"{below}.renditions", keep_equal=template.keep_equal)
        return [(rung, look, f"{below}.renditions[{given.index(rung)}].video") for rung, look in found]

    def _drawn(self, template: FileTemplate | LadderTemplate, look: geometry.Look, path: str) -> geometry.Look:
        """The look with the subtitles that are drawn into the picture, if any."""
        sources = self.task.request.sources
        return self.texts.drawn(template.subtitles, self.parts, sources, look, f"{path}.subtitles")

    def _picture_size(self, path: str) -> tuple[int, int]:
        width, height = self._shown_size(path)
        return geometry.even(width), geometry.even(height)

    def _shown_size(self, path: str) -> tuple[int, int]:
        """Size of the picture as shown: of the source that gives the defaults."""
        stream = self._joined(path).parts[self._leading].stream
        return stream.display_width, stream.display_height

    def _cut(self) -> dict[str, tuple[int, ...]]:
        """Make all chunks, dearest first; encoding id -> its subtasks in order of time."""
        chunks: dict[str, tuple[int, ...]] = {}
        if self._wanted is None:
            return chunks
        timeline = self._joined("")
        canvas = self._canvas(timeline)
        for group in self._wanted.groups.values():
            tag = Tag.GPU if group.family.endswith("_nvenc") else Tag.CPU
            slots = self.settings.gpu_slots if tag is Tag.GPU else self.settings.slots
            self._cut_group(group, timeline, slots, canvas)
            group.chunks = [(self.texts.told(spec), weight) for spec, weight in group.chunks]
            numbers = self._chunks(group, tag)
            chunks |= {e.id: numbers for e in group.encodings}
        return chunks

    def _cut_group(self, group: Group, timeline: Timeline, slots: int, canvas: tuple[int, int]) -> None:
        """Cut on the grid that costs least, of which renditions may be there already."""
        sources, fit = self.task.request.sources, self.task.request.align.mode
        film = film_digest(timeline, sources, group.grid, group.frames.rate, group.treatment, (canvas, fit))
        if film is None or group.family.endswith("_nvenc"):  # nothing of it will be found again
            cut(group, timeline, slots, canvas, fit)
            return
        chosen = cut(group, timeline, slots, canvas, fit, self.grids.made(film))
        if chosen is not None:
            self.grids.choose(film, chosen, frozenset(map(rendition_digest, group.encodings)))

    def _chunks(self, group: Group, tag: Tag) -> tuple[int, ...]:
        """Enter a group's chunks, behind what measures them if their bit rate is an average over the film."""
        found = average.measured(group.chunks, lambda spec, w, needs: self._add(spec, weight=w, tag=tag, needs=needs))
        weights = [weight for _, weight in group.chunks]
        specs, needs = ([spec for spec, _ in group.chunks], ()) if found is None else (found[0], (found[1],))
        pairs = zip(specs, weights, strict=True)
        return tuple(self._add(spec, weight=weight, tag=tag, needs=needs) for spec, weight in pairs)

    def _canvas(self, timeline: Timeline) -> tuple[int, int]:
        """(0, 0) when all sources have one shape, else the size of the one that gives the defaults.

        A place in the picture means the same in every source only when its pixels are square.
        """
        shapes = {(p.stream.display_width, p.stream.display_height) for p in timeline.parts}
        if any(p.stream.sample_aspect != 1 for p in timeline.parts) and self._wanted and self._wanted.by_place:
            return self._picture_size("")
        return (0, 0) if len(shapes) == 1 else self._picture_size("")

    # --- sound -----------------------------------------------------------------------------

    def _sound(
        self,
        settings: AudioSettings | None,
        package: FilePackage | LadderPackage,
        path: str,
        parts: tuple[Part, ...],
    ) -> tuple[AudioTrack, ...]:
        """The tracks with these settings, each made once however many targets want it; none when there is no sound."""
        if settings is None:
            return ()
        found: list[AudioTrack] = []
        for choice in audio.choose(settings, parts, self.sound_wanted, self.beside, path):
            audio.check_copy(settings, choice, package, path)
            form = audio.form_of(package, settings, choice)
            seconds = audio.segment_seconds(package, self.task)
            key = (*audio.key(settings, choice, form), seconds)
            if key not in self.tracks:
                spec = audio.track(f"a{len(self.tracks) + 1}", settings, choice, form, path)
                spec = spec.model_copy(update={"segment_seconds": seconds})
                self.tracks[key] = (spec, self._add(spec, weight=cost.audio(self.film)))
            spec, number = self.tracks[key]
            made = AudioTrack(
                id=spec.id, subtask=number, settings=settings, language=choice.language, default=not found
            )
            found.append(made)
        return tuple(found)

    # --- joining ---------------------------------------------------------------------------

    def _concat(
        self, target: Target, path: str, wishes: Sequence[tuple[str, Encoding]], chunks: dict[str, tuple[int, ...]]
    ) -> int:
        template = target.settings
        sources, parts, copied, said = self.task.request.sources, self.parts, None, tuple[str, ...]()
        if isinstance(template, RemuxTemplate):
            if self.beside:
                raise UnsupportedFeature(
                    "a remux takes no attached sources",
                    field=f"{path}.template",
                    hint="Use an encoding template, with audio.codec copy where packets are to be kept.",
                )
            if not isinstance(template.audio, AudioSettings):
                return self._add(remuxes.spec(target, template, parts, sources, path), weight=1.0)
            copied, parts, said = copies.picture(template, parts, sources, path)
            heard: AudioSettings | None = template.audio
        elif isinstance(template, FileTemplate | LadderTemplate | AudioTemplate):
            heard = template.audio
        else:
            raise UnsupportedFeature(field=path)
        package: FilePackage | LadderPackage
        if isinstance(template, LadderTemplate):
            images = self._images(target, template, path)
            package = ladder_package(template, images)
        else:
            package = FilePackage(
                container=template.container,
                carried=carried(template.metadata, template.container, parts),
                copied=copied,
            )
        video = tuple(self._video_track(name, encoding, chunks[encoding.id]) for name, encoding in wishes)
        sound = self._sound(heard, package, f"{path}.overrides.audio", parts)
        if not (video or copied or sound):
            raise SourceNoAudio(field=f"{path}.template")
        shown = None if isinstance(template, AudioTemplate) else template.subtitles
        burned = self.texts.subtask([encoding for _, encoding in wishes])
        shown = shown if burned is None else None
        if shown is not None and shown.mode == "embed" and not (video or copied):
            shown, said = None, (*said, "subtitles were left out: there is no picture that they go with")
        held = package.container if isinstance(package, FilePackage) else None
        below = f"{path}.overrides.subtitles"
        texts, left_out = subtitles.tracks(shown, parts, sources, below, held)
        needs = sorted({n for v in video for n in v.chunks} | {t.subtask for t in sound})
        if isinstance(package, LadderPackage) and package.images is not None:
            needs = sorted({*needs, package.images.subtask})
        film = parts[-1].offset + parts[-1].length
        spec = ConcatSpec(
            target=target.name,
            uri=target.uri,
            package=package,
            video=video,
            audio=sound,
            duration=film,
            subtitles=texts,
            sidecar=subtitles.form(shown),
            sidecar_names=subtitles.names(shown, texts),
            burned=burned,
            warnings=(*said, *left_out),
        )
        return self._add(spec, weight=0.5 + float(film) * 0.01, needs=tuple(needs))

    def _images(self, target: Target, template: LadderTemplate, path: str) -> ImageTrack | None:
        if template.thumbnails is None:
            return None
        spec = sheets(target, template, template.thumbnails, self._reel(path), f"{path}.overrides")
        return image_track(spec, self._add(spec, weight=1.0))

    def _video_track(self, name: str, encoding: Encoding, chunks: tuple[int, ...]) -> VideoTrack:
        frames = self._encodings("").frames(encoding)
        return VideoTrack(
            id=encoding.id,
            name=name,
            chunks=chunks,
            encoding=encoding,
            scale=frames.scale,
            frames=frames.frames,
            rate=frames.rate,
            distances=frames.distances,
        )

    # --- numbering -------------------------------------------------------------------------

    def _add(self, spec: Spec, *, weight: float, tag: Tag = Tag.CPU, needs: tuple[int, ...] = ()) -> int:
        needs = tuple(sorted({*needs, *subtitles.awaited(spec)}))
        number = self.next_number
        self.next_number += 1
        self.subtasks.append(Subtask(n=number, tag=tag, spec=spec, needs=needs, weight=weight))
        return number
