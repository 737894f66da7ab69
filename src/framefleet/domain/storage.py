"""Storages as admins set them: a row of numbered versions, as for templates. Pure; knows no store and no secret.

Credentials are named, never given: who may change storages need not be root of the machines, and what is stored here is
shown to every key. One name stands for a pair, so a secret key can never be sent as an access key to a server that an
admin made up.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from framefleet.domain.errors import InvalidStorage
from framefleet.domain.value import Value
from framefleet.domain.versioned import Versioned

BUILT_IN = ("samples", "uploads")
"""Always there, over parts of the work bucket; only read by tasks."""
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}"
_CREDENTIALS = r"^[a-z][a-z0-9_]{0,31}$"
_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(:[0-9]{1,5})?")


def split_endpoint(values: Any) -> Any:
    """Settings whose `endpoint` begins with http:// or https://, as `endpoint` and `secure`; others as they are."""
    if isinstance(values, dict) and isinstance(values.get("endpoint"), str):
        scheme, separator, rest = values["endpoint"].partition("://")
        if separator and scheme in {"http", "https"}:
            return {**values, "endpoint": rest.rstrip("/"), "secure": scheme == "https"}
    return values


class S3Settings(Value):
    """A bucket, or a folder in one, on an S3 server."""

    kind: Literal["s3"] = "s3"
    endpoint: str = Field(max_length=300)
    """`host` or `host:port`; with http:// or https:// before it, which then says whether to use TLS."""
    bucket: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$")
    prefix: str = Field(default="", max_length=500)
    """Folder in the bucket below which everything is."""
    region: str = Field(default="us-east-1", max_length=64, pattern=r"^[A-Za-z0-9-]*$")
    secure: bool = Field(default=True, strict=True)
    """Whether to use TLS."""
    credentials: str | None = Field(default=None, pattern=_CREDENTIALS)
    """Name of a pair of keys that schedulers and workers have; null: requests are anonymous."""

    @model_validator(mode="before")
    @classmethod
    def _split_endpoint(cls, values: Any) -> Any:
        return split_endpoint(values)

    @field_validator("endpoint")
    @classmethod
    def _only_a_host(cls, endpoint: str) -> str:
        match = _ENDPOINT.fullmatch(endpoint)
        if match is None or int((match[3] or ":1")[1:]) not in range(1, 65536):
            raise ValueError("an endpoint is host or host:port")
        return endpoint

    @field_validator("prefix")
    @classmethod
    def _a_folder(cls, prefix: str) -> str:
        parts = prefix.strip("/").split("/") if prefix.strip("/") else []
        if any(part in {"", ".", ".."} for part in parts) or any(ord(c) < 32 or ord(c) == 127 for c in prefix):
            raise ValueError("a prefix is a folder such as films/2026")
        return "/".join(parts)


class DirectorySettings(Value):
    """A directory, for example of a network file system that every worker mounts."""

    kind: Literal["directory"]
    root: str = Field(max_length=1000)
    """Absolute; below one of the directories the operator allows (FRAMEFLEET_STORAGE_ROOTS)."""

    @field_validator("root")
    @classmethod
    def _plain(cls, root: str) -> str:
        if not root.startswith("/") or ".." in root.split("/") or any(ord(c) < 32 for c in root):
            raise ValueError("a root is an absolute path without ..")
        return str(PurePosixPath(root))


StorageSettings = Annotated[S3Settings | DirectorySettings, Field(discriminator="kind")]

_SETTINGS: TypeAdapter[S3Settings | DirectorySettings] = TypeAdapter(StorageSettings)


class StorageVersion(Versioned):
    """One version of a storage, as it is stored. Never changed."""

    name: str
    settings: StorageSettings
    deleted: bool = False
    """New tasks may not name it. Those that run still find it."""


def check_storage_name(name: str) -> None:
    """Raises InvalidStorage for a name that no address can have."""
    if not re.fullmatch(NAME, name):
        raise InvalidStorage(
            f"{name[:80]!r} cannot be the name of a storage",
            field="name",
            hint="Use 2 to 63 letters, digits, dots, dashes and underscores; a letter or digit first.",
        )


def storage_settings(document: Any) -> S3Settings | DirectorySettings:
    """Settings from a document. Raises InvalidStorage with the field, and never with a value: it may be a secret."""
    if not isinstance(document, dict):
        raise InvalidStorage("a storage is an object with a kind")
    try:
        return _SETTINGS.validate_python(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = [str(part) for part in first["loc"] if part not in {"s3", "directory"}]
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden" and where and "key" in where[-1]:
            message = "keys are not given here: name a pair with `credentials`"
        if first["type"].startswith("union_tag"):
            message, where = "there are the kinds s3 and directory", ["kind"]
        raise InvalidStorage(message, field=".".join(where) or None) from None
