"""The templates users keep: created, read, updated and deleted, in the work bucket of a cluster or in a folder.

A template is a row of numbered versions, each an object of its own that is created only if absent: two writers never
make the same version, and an old version never changes. `open_registry` finds the right place:

with open_registry(settings) as templates:
    templates.create("mine", {"base": "hls-h264", "segment_seconds": 6})
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.complaint import near
from framefleet.domain.custom import LAST_VERSION, TemplateVersion, check_name, checked, split_reference
from framefleet.domain.errors import (
    FramefleetError,
    InvalidTemplate,
    StoreUnavailable,
    TemplateChanged,
    TemplateExists,
    UnknownTemplate,
)
from framefleet.domain.task import utc_now
from framefleet.domain.template import predefined
from framefleet.domain.versioned import EXISTING
from framefleet.ports import ObjectStore
from framefleet.recent import Recent

if TYPE_CHECKING:
    from framefleet.settings import Settings

FRESH_SECONDS = 2.0
"""How long the number of a template's latest version may be remembered: as old may be what a task is made with."""
_TRIES = 50
_REMEMBERED = 1000
_KEY = re.compile(r"([^/]+)/([0-9]{6})\.json")


class TemplateRegistry:
    """The predefined templates and those of users. Safe to share between threads. Raises ServiceError when the store is away."""

    def __init__(
        self,
        store: ObjectStore,
        prefix: str = keys.TEMPLATES,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        """The templates lie below `prefix` of the store."""
        self._store = store
        self._prefix = prefix
        self._now = now
        self._lock = threading.Lock()
        self._latest = Recent[str, int](fresh_seconds, _REMEMBERED, monotonic)
        self._read: dict[tuple[str, int], TemplateVersion] = {}

    # --- reading ---------------------------------------------------------------------------

    def find(self, reference: str) -> tuple[str, Mapping[str, Any]] | None:
        """What a request's `template` names: its full name and its raw settings; None when there is none.

        Raises UnknownTemplate when there is the template but not that version, or not any more.
        """
        if reference in predefined():
            return reference, predefined()[reference]
        named = split_reference(reference)
        version = None if named is None else self._version(*named)
        return None if version is None else (version.reference, version.settings or {})

    def get(self, reference: str) -> TemplateVersion:
        """A version of a user's template (`mine@3`), or its latest (`mine`); raises UnknownTemplate."""
        named = split_reference(reference)
        version = None if named is None else self._version(*named)
        if version is None:
            meant = near(reference, (v.name for v in self.all()))
            hint = f"; did you mean {meant}?" if meant else ""
            raise UnknownTemplate(f"there is no template of yours named {reference!r}{hint}", field="name")
        return version

    def versions(self, name: str, most: int = LAST_VERSION) -> list[TemplateVersion]:
        """Every version that may be named, or the `most` latest, oldest first; raises UnknownTemplate."""
        latest = self.get(name)
        first = max(latest.first, latest.version + 1 - most)
        return [v for n in range(first, latest.version + 1) if (v := self._stored(latest.name, n)) is not None]

    def all(self) -> list[TemplateVersion]:
        """The latest version of each template of users, by name."""
        numbers: dict[str, int] = {}
        for info in self._store.list(self._prefix):
            match = _KEY.fullmatch(info.key.removeprefix(self._prefix))
            if match:
                numbers[match[1]] = int(match[2])
        found = (self._stored(name, number) for name, number in sorted(numbers.items()))
        return [version for version in found if version is not None and version.settings is not None]

    def names(self) -> list[str]:
        """Every name that may stand in a request."""
        return [*predefined(), *(version.name for version in self.all())]

    # --- writing ---------------------------------------------------------------------------

    def create(self, name: str, document: Any) -> TemplateVersion:
        """A new template. Raises TemplateExists, and what `check_name` and `checked` raise."""
        check_name(name)
        settings = checked(document, self)
        latest = self._newest(name)
        if latest is not None and latest.settings is not None:
            raise TemplateExists(f"there is a template named {name}: version {latest.version}", field="name")
        # After a deletion the numbers go on: a version never names two things.
        number = 1 if latest is None else latest.version + 1
        made = self._create(name, number, number, settings)
        if made is None:
            raise TemplateExists(f"somebody else has just made a template named {name}", field="name")
        return made

    def update(self, name: str, document: Any, *, version: int | None = None) -> TemplateVersion:
        """A new version; tasks that run keep the one they were accepted with.

        With `version`, only if that is still the latest one (EXISTING: whichever is): TemplateChanged else. Raises
        UnknownTemplate, and what `check_name` and `checked` raise.
        """
        check_name(name)
        settings = checked(document, self)
        return self._next(name, settings, version)

    def delete(self, name: str, *, version: int | None = None) -> None:
        """Take a template and all its versions out of use; tasks that run keep their settings.

        `version` is as for `update`. Raises InvalidTemplate for a predefined one, UnknownTemplate.
        """
        check_name(name)
        self._next(name, None, version)

    def _next(self, name: str, settings: dict[str, Any] | None, expected: int | None) -> TemplateVersion:
        for _ in range(_TRIES):
            latest = self._newest(name)
            if latest is None or latest.settings is None:
                raise UnknownTemplate(f"there is no template of yours named {name!r}", field="name")
            if expected not in (None, EXISTING, latest.version):
                raise TemplateChanged(
                    f"the latest version of {name} is {latest.version}, not {expected}", field="version"
                )
            made = self._create(name, latest.version + 1, latest.first, settings)
            if made is not None:
                return made
        raise StoreUnavailable(f"too many others are changing the template {name}")

    def _create(self, name: str, number: int, first: int, settings: dict[str, Any] | None) -> TemplateVersion | None:
        """Make one version; None when somebody else has made it."""
        if number > LAST_VERSION:
            raise InvalidTemplate(f"{name} has had {LAST_VERSION} versions", field="name", hint="Choose another name.")
        made = TemplateVersion(
            name=name, version=number, first=first, created_at=self._now(), settings=settings, nonce=uuid4().hex
        )
        self._latest.forget(name)
        if self._store.create(self._key(name, number), made.model_dump_json().encode()):
            return made
        # Stores may say False to the winner himself, when the answer to his first try was lost.
        stored = self._stored(name, number)
        return made if stored is not None and stored.nonce == made.nonce else None

    # --- objects ---------------------------------------------------------------------------

    def _version(self, name: str, number: int | None) -> TemplateVersion | None:
        """A version that may be named; None when there is no such template."""
        latest = self._newest(name, remembered=True)
        if latest is None:
            return None
        if latest.settings is None:
            raise UnknownTemplate(f"the template {name} was deleted")
        if number is None or number == latest.version:
            return latest
        version = self._stored(name, number) if latest.first <= number < latest.version else None
        if version is None:
            raise UnknownTemplate(
                f"the template {name} has no version {number}; the latest is {latest.version}",
                hint="List its versions with `framefleet templates versions NAME`.",
            )
        return version

    def _newest(self, name: str, *, remembered: bool = False) -> TemplateVersion | None:
        """The latest version, which may be a deletion; `remembered` allows an answer that is some seconds old."""
        number = self._latest.ask(name, lambda: self._listed(name), anew=not remembered)
        return self._stored(name, number) if number else None

    def _listed(self, name: str) -> int:
        """The number of the latest version that is stored; 0 when none is."""
        found = self._store.list(self._prefix + keys.template_versions(name))
        matches = (_KEY.fullmatch(info.key.removeprefix(self._prefix)) for info in found)
        return max((int(match[2]) for match in matches if match), default=0)

    def _stored(self, name: str, number: int) -> TemplateVersion | None:
        with self._lock:
            remembered = self._read.get((name, number))
        if remembered is not None:
            return remembered
        body = self._store.get(self._key(name, number))
        if body is None:
            return None
        try:
            version = TemplateVersion.model_validate_json(body)
        except ValidationError:
            raise FramefleetError(
                f"version {number} of the template {name} was stored by a version of Framefleet this one cannot read"
            ) from None
        with self._lock:
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            self._read[name, number] = version  # it never changes
        return version

    def _key(self, name: str, number: int) -> str:
        return self._prefix + keys.template_version(name, number)


def user_folder(environ: Mapping[str, str]) -> Path:
    """Where a person's own templates lie: `$XDG_CONFIG_HOME/framefleet/templates`, below `~/.config` by default."""
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "framefleet" / "templates"


@contextmanager
def open_registry(settings: Settings, folder: Path | None = None) -> Iterator[TemplateRegistry]:
    """The templates in `folder`; without one those of the cluster whose store the settings name."""
    if folder is not None:
        from framefleet.adapters.directory import DirectoryStore

        yield TemplateRegistry(DirectoryStore(folder.expanduser()), "")
        return
    from framefleet.adapters.configured import work_store

    store = work_store(settings)
    try:
        yield TemplateRegistry(store)
    finally:
        store.close()


def parse_document(text: str) -> Any:
    """A template's document from JSON or YAML; raises InvalidTemplate."""
    import yaml

    try:
        return json.loads(text)  # first: in YAML 1.1 a number such as 1e6 is text
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.safe_load(text)
    except Exception as error:  # noqa: BLE001 - what YAML makes of a tag such as `!!bool foo` raises whatever comes
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        said = getattr(error, "problem", None) or "it cannot be read"
        raise InvalidTemplate(f"the document is neither JSON nor YAML: {said}{where}") from None
