"""Templates of Tencent's dialects: those they come with, and those of a tenant, kept as documents."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from framefleet.domain.access import Role
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Wire
from framefleet_scheduler.clouds.tencent import elements, presets
from framefleet_scheduler.clouds.tencent.coding import check_sound
from framefleet_scheduler.clouds.tencent.elements import laid_over
from framefleet_scheduler.clouds.tencent.models import AdaptiveStreams, Animated, Sample, Sprite, Still, Transcode
from framefleet_scheduler.clouds.tencent.results import time
from framefleet_scheduler.clouds.tencent.words import Words

MOST_PAGE = 100
_OWN_FROM = 1_000_000
"""Numbers of tenants' templates begin here; presets are below."""
_BESIDE = frozenset({"SubAppId", "Definition"})
_PICTURE = {
    "Codec": "",
    "Fps": 0,
    "Bitrate": 0,
    "ResolutionAdaptive": "open",
    "Width": 0,
    "Height": 0,
    "FillType": "black",
}
_SOUND = {"Codec": "", "Bitrate": 0, "SampleRate": 44100, "AudioChannel": 2}
_STILL = {"Width": 0, "Height": 0, "ResolutionAdaptive": "open", "Format": "jpg", "FillType": "black"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of templates."""

    name: str
    """Of its documents."""
    model: type[Wire]
    presets: presets.Templates
    check: Callable[[Any, Words], object]
    """Raises Refusal for what cannot be made."""
    most: int = 100
    """Of a tenant's own."""


def check_transcode(template: Transcode, words: Words) -> None:
    """As the vendor, and as far as it can be made. Raises Refusal."""
    _need("Container", template.Container)
    sound_only = (template.Container or "").lower() in elements.SOUND_ONLY
    if not sound_only and not template.RemoveVideo:
        _need("VideoTemplate", template.VideoTemplate)
    if not template.RemoveAudio:
        _need("AudioTemplate", template.AudioTemplate)
    check_sound(template.AudioTemplate, words)
    elements.transcode(template, words)


def _check_adaptive(template: AdaptiveStreams, words: Words) -> None:
    _need("Format", template.Format)
    _need("StreamInfos", template.StreamInfos)
    for one in template.StreamInfos or ():
        check_sound(one.Audio, words)
    elements.adaptive(template, words)


def _check_sample(template: Sample, words: Words) -> None:
    _need("SampleType", template.SampleType)
    _need("SampleInterval", template.SampleInterval)
    elements.sample(template, words)


def _check_sprite(template: Sprite, words: Words) -> None:
    for name in ("SampleType", "SampleInterval", "RowCount", "ColumnCount"):
        _need(name, getattr(template, name))
    elements.sprite(template, words)


def _check_animated(template: Animated, words: Words) -> None:
    _need("Fps", template.Fps)
    elements.animated(template, 0, 1, lambda: 1.0, words)


def _check_timed(template: Still, words: Words) -> None:
    elements.timed(template, [0.0], [], words)


def _need(name: str, value: object) -> None:
    if value in (None, "", (), []):
        raise Refusal("MissingParameter", f"{name} is missing")


TRANSCODE = Kind("transcode", Transcode, presets.TRANSCODE, check_transcode)
SAMPLE = Kind("sample", Sample, presets.SAMPLE, _check_sample)
SPRITE = Kind("sprite", Sprite, presets.SPRITE, _check_sprite, most=16)
TIMED = Kind("timed", Still, presets.TIMED, _check_timed)
ANIMATED = Kind("animated", Animated, presets.ANIMATED, _check_animated)
ADAPTIVE = Kind("adaptive", AdaptiveStreams, presets.ADAPTIVE, _check_adaptive)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The templates that a caller sees: of a tenant, and of one application of it where the dialect has such."""

    engine: Engine
    call: Call
    words: Words
    scope: str = ""

    def find(self, kind: Kind, number: int | None) -> Any:
        """A template as its model. Raises Refusal."""
        if number is None:
            raise Refusal("MissingParameter", "Definition is missing")
        if number in kind.presets:
            return kind.model.model_validate(kind.presets[number])
        return kind.model.model_validate(self._kept(kind, number)["template"])

    def _kept(self, kind: Kind, number: int) -> dict[str, Any]:
        found = None
        if 0 <= number < 10**12:
            found = self.engine.documents.get(self.words.name, self.call.tenant, self._place(kind), str(number))
        if found is None:
            raise self.words.wrong("Definition", f"there is no {kind.name} template {number}")
        return found

    def create(self, kind: Kind, asked: Wire) -> dict[str, Any]:
        """Keep a new one. Raises Refusal."""
        self.call.caller.need(Role.PRODUCER)
        kind.check(asked, self.words)
        place = self._place(kind)
        if len(self.engine.documents.names(self.words.name, self.call.tenant, place, kind.most)) >= kind.most:
            raise Refusal("LimitExceeded.TooMuchTemplate", f"there may be {kind.most} {kind.name} templates")
        now = time(self.call.at)
        document = {"template": _said(asked), "created": now, "updated": now}
        while True:
            number = _OWN_FROM + secrets.randbelow(9 * _OWN_FROM)
            if self.engine.documents.create(self.words.name, self.call.tenant, place, str(number), document):
                self.call.note("template.create", f"{self.words.name} {kind.name} {number}")
                return {"Definition": number}

    def modify(self, kind: Kind, number: int | None, asked: Wire) -> dict[str, Any]:
        """Change what is given. Raises Refusal."""
        self.call.caller.need(Role.PRODUCER)
        number = self._own(kind, number, "ModifyDefaultTemplate")
        document = self._kept(kind, number)
        changed = laid_over(document["template"], _said(asked))
        kind.check(kind.model.model_validate(changed), self.words)
        document |= {"template": changed, "updated": time(self.call.at)}
        self.engine.documents.put(self.words.name, self.call.tenant, self._place(kind), str(number), document)
        self.call.note("template.update", f"{self.words.name} {kind.name} {number}")
        return {}

    def delete(self, kind: Kind, number: int | None) -> dict[str, Any]:
        """Forget one. Raises Refusal."""
        self.call.caller.need(Role.PRODUCER)
        number = self._own(kind, number, "DeleteDefaultTemplate")
        self._kept(kind, number)
        self.engine.documents.delete(self.words.name, self.call.tenant, self._place(kind), str(number))
        self.call.note("template.delete", f"{self.words.name} {kind.name} {number}")
        return {}

    def _own(self, kind: Kind, number: int | None, refusal: str) -> int:
        if number is None:
            raise Refusal("MissingParameter", "Definition is missing")
        if number in kind.presets:
            raise self.words.wrong(refusal, f"{number} is one of the templates that everybody has")
        return number

    def listed(self, kind: Kind, definitions: list[int], which: str | None) -> list[dict[str, Any]]:
        """As they are shown, presets first; `which`: Preset or Custom only. Raises Refusal."""
        if len(definitions) > MOST_PAGE:
            raise self.words.wrong("Definitions", f"Definitions are up to {MOST_PAGE}")
        if which not in {None, "", "Preset", "Custom"}:
            raise self.words.wrong("Type", "Type is Preset or Custom")
        found = []
        if which != "Custom":
            for number, raw in kind.presets.items():
                begun = {"template": raw, "created": "1970-01-01T00:00:00Z", "updated": "1970-01-01T00:00:00Z"}
                found.append(self._shown(kind, number, "Preset", begun))
        if which != "Preset":
            place = self._place(kind)
            for name in self.engine.documents.names(self.words.name, self.call.tenant, place, kind.most):
                document = self.engine.documents.get(self.words.name, self.call.tenant, place, name)
                if document is not None:
                    found.append(self._shown(kind, int(name), "Custom", document))
        return [one for one in found if not definitions or one["Definition"] in definitions]

    def page(self, found: list[dict[str, Any]], offset: int | None, limit: int | None) -> dict[str, Any]:
        """TotalCount, and one page as `Set`. Raises Refusal."""
        first, many = offset or 0, 10 if limit is None else limit
        if first < 0:
            raise self.words.wrong("Offset", "Offset is 0 or more")
        if not 0 <= many <= MOST_PAGE:
            raise self.words.wrong("Limit", f"Limit is up to {MOST_PAGE}")
        return {"TotalCount": len(found), "Set": found[first : first + many]}

    def _shown(self, kind: Kind, number: int, which: str, document: Mapping[str, Any]) -> dict[str, Any]:
        shown = whole(kind, document["template"], self.words)
        times = {"CreateTime": document["created"], "UpdateTime": document["updated"]}
        return {"Definition": number, "Type": which, "Name": "", "Comment": "", **shown, **times}

    def _place(self, kind: Kind) -> str:
        return f"{kind.name}-templates-{self.scope or 0}"


def _said(asked: Wire) -> dict[str, Any]:
    return asked.model_dump(exclude_none=True, exclude=set(_BESIDE))


def whole(kind: Kind, template: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """A template with its defaults, as it is shown."""
    if kind.name == TRANSCODE.name:
        container = str(template.get("Container", ""))
        base: dict[str, Any] = {
            "RemoveVideo": 0,
            "RemoveAudio": 0,
            "ContainerType": "PureAudio" if container in elements.SOUND_ONLY else "Video",
            "TEHDConfig": {"Type": "OFF", "MaxVideoBitrate": 0},
        }
        video, audio = template.get("VideoTemplate"), template.get("AudioTemplate")
        parts = {"VideoTemplate": _video(video, words), "AudioTemplate": _audio(audio, words)}
        return {**base, **template, **parts}
    if kind.name == ADAPTIVE.name:
        streams = [
            {
                "RemoveAudio": 0,
                "RemoveVideo": 0,
                "TEHDConfig": {"Type": "OFF", "MaxVideoBitrate": 0},
                **one,
                "Video": _video(one.get("Video"), words),
                "Audio": _audio(one.get("Audio"), words),
            }
            for one in template.get("StreamInfos", ())
        ]
        flags = {"DisableHigherVideoBitrate": 0, "DisableHigherVideoResolution": 0}
        return {**flags, **template, "StreamInfos": streams}
    if kind.name == ANIMATED.name:
        return {"Width": 0, "Height": 0, "ResolutionAdaptive": "open", "Format": "gif", "Quality": 75, **template}
    return {**(_STILL if issubclass(kind.model, Still) else {}), **template}


def _video(found: Mapping[str, Any] | None, words: Words) -> dict[str, Any] | None:
    return None if found is None else {**_PICTURE, **found, "Codec": _spelled(found.get("Codec"), words.video)}


def _audio(found: Mapping[str, Any] | None, words: Words) -> dict[str, Any] | None:
    return None if found is None else {**_SOUND, **found, "Codec": _spelled(found.get("Codec"), words.audio)}


def _spelled(name: str | None, names: Mapping[str, str]) -> str:
    """A codec in the dialect's own word, which is the first one of those it knows for it."""
    ours = names.get(name or "")
    return next((one for one, codec in names.items() if codec == ours), name or "")
