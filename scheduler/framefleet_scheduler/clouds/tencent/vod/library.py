"""VOD's media registry: numbers of files (`FileId`), and where they and what is made of them lie. Documents of a tenant.

Everything lies in the storage that is named `vod`, below a folder of the tenant and one of the application.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from framefleet_scheduler.clouds.addresses import NoAddress, of_text
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.tencent.results import time

DOOR = "vod"
STORAGE = "vod"
APP_ID = 1250000000
"""The account's number in ids of tasks: the same for everybody, since accounts here have no numbers."""
NEVER = "9999-12-31T23:59:59Z"
MOST_TASKS = 200
"""Of one file, whose results are told."""
_LATEST = 9_999_999_999_999
_FILE_ID = re.compile(r"[0-9]{19}")
_PATH = re.compile(r"/?[^/\x00-\x1f\x7f]+(/[^/\x00-\x1f\x7f]+)*")


def new_file_id() -> str:
    """19 digits."""
    return str(10**18 + secrets.randbelow(8 * 10**18))


def new_task_id(kind: str) -> str:
    """`<number>-Procedure-<32 digits>t0`."""
    return f"{APP_ID}-{kind}-{secrets.token_hex(16)}t0"


@dataclass(frozen=True, slots=True)
class Library:
    """The media of an application, as a caller sees them."""

    engine: Engine
    call: Call
    app: int

    @property
    def scope(self) -> str:
        """For the engine: the application's number, nothing for the one without."""
        return str(self.app or "")

    @property
    def root(self) -> str:
        """Address of the application's folder, with a slash behind it. Raises Refusal where the operator has no such storage."""
        if not self.engine.is_storage(STORAGE):
            raise Refusal(
                "FailedOperation.InvalidVodUser",
                f"VOD is not set up here: its files lie in a storage named {STORAGE!r}, and there is none",
            )
        return f"storage://{STORAGE}/{self.call.tenant}/{self.app}/"

    def folder(self, file_id: str) -> str:
        """Where a file and what is made of it lie, with a slash behind it."""
        return f"{self.root}{file_id}/"

    def find(self, file_id: str | None) -> dict[str, Any]:
        """A file's document. Raises Refusal."""
        if not file_id:
            raise Refusal("MissingParameter", "FileId is missing")
        found = self.get(file_id)
        if found is None:
            raise Refusal("ResourceNotFound.FileNotExist", f"there is no file {file_id[:40]}")
        return found

    def get(self, file_id: str) -> dict[str, Any] | None:
        """As `find`; None when there is none."""
        if not _FILE_ID.fullmatch(file_id):
            return None
        return self.engine.documents.get(DOOR, self.call.tenant, self._kind, file_id)

    def add(self, file_id: str, uri: str, name: str, **more: Any) -> dict[str, Any]:
        """Enter a file. `more`: fields of its document."""
        now = time(self.call.at)
        document = {"uri": uri, "name": name[:256], "created": now, "updated": now, **more}
        self.engine.documents.create(DOOR, self.call.tenant, self._kind, file_id, document)
        self.call.note("media.create", file_id)
        return document

    def change(self, file_id: str, document: dict[str, Any]) -> None:
        """Keep a changed document."""
        self.engine.documents.put(DOOR, self.call.tenant, self._kind, file_id, document)

    def forget(self, file_id: str) -> None:
        """A file is no longer known."""
        while names := self.tasks(file_id):
            for name in names:
                self.engine.documents.delete(DOOR, self.call.tenant, self._done(file_id), name)
        self.engine.documents.delete(DOOR, self.call.tenant, self._kind, file_id)

    def note_task(self, file_id: str, task_id: str) -> None:
        """A task makes something of a file."""
        # Listings are in the order of names, and the latest tasks are wanted.
        name = f"{_LATEST - int(self.call.at.timestamp() * 1000):013d}.{task_id}"
        self.engine.documents.create(DOOR, self.call.tenant, self._done(file_id), name, {})

    def tasks(self, file_id: str) -> list[str]:
        """`<number>.<task id>` of the tasks of a file, the latest first."""
        return self.engine.documents.names(DOOR, self.call.tenant, self._done(file_id), MOST_TASKS)

    def by_path(self, path: str) -> tuple[str, dict[str, Any]]:
        """The file at a path of the application's folder; it gets a number that follows from its path. Raises Refusal."""
        if len(path) > 1000 or not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            raise Refusal("InvalidParameterValue.MediaStoragePath", "MediaStoragePath is a path such as /films/a.mp4")
        path = path.removeprefix("/")
        digest = hashlib.sha256(f"{self.call.tenant}/{self.app}/{path}".encode()).digest()
        file_id = str(10**18 + int.from_bytes(digest[:8], "big") % (8 * 10**18))
        found = self.get(file_id)
        if found is None:
            found = self.add(file_id, self.root + path, path.rpartition("/")[2], source="Path", path=f"/{path}")
        return file_id, found

    def address(self, url: str | None, code: str) -> str:
        """Our address of an URL. Raises Refusal with `code`."""
        if not url:
            raise Refusal("MissingParameter", "the address is missing")
        try:
            return self.theirs(of_text(url, self.engine.is_storage), code)
        except NoAddress as error:
            raise Refusal(code, str(error)) from None

    def theirs(self, uri: str, code: str) -> str:
        """The address, unless it is of another tenant's files. Raises Refusal with `code`."""
        if uri.startswith(f"storage://{STORAGE}/") and not uri.startswith(f"storage://{STORAGE}/{self.call.tenant}/"):
            raise Refusal(code, f"in the storage {STORAGE} your files lie below {self.call.tenant}/")
        return uri

    def shown(self, uri: str) -> str:
        """A file's address as it is told: signed for a day where it lies on an S3 server, else ours."""
        return self.engine.read_link(uri)

    @property
    def _kind(self) -> str:
        return f"media-{self.app}"

    def _done(self, file_id: str) -> str:
        return f"media-tasks-{self.app}-{file_id}"


def name_of(url: str) -> str:
    """What a file at an address is called, without its extension."""
    return urlsplit(url).path.rpartition("/")[2].rpartition(".")[0][:256] or "media"


def extension_of(url: str) -> str:
    """Of an address, lower case, without the dot; empty when it has none."""
    name = urlsplit(url).path.rpartition("/")[2]
    return name.rpartition(".")[2].lower()[:16] if "." in name else ""
