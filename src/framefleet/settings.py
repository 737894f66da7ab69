"""Settings from the environment, prefix `FRAMEFLEET_`: one typed object per service, read once at start."""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from framefleet.domain.access import MOST_PER_SECOND, REQUESTS_PER_SECOND

PREFIX = "FRAMEFLEET_"
CREDENTIALS = f"{PREFIX}CREDENTIALS_"
"""Begin of the variables with keys of storages (see `adapters/registered`); their names are the operator's."""

_SEAL_KEY_CHARACTERS = 32
_S = TypeVar("_S", bound="Settings")


class SettingsError(ValueError):
    """A variable has a value that cannot be used; the text names the variable."""


def _split(value: Any, separator: str) -> Any:
    return [part.strip() for part in value.split(separator) if part.strip()] if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _sealing(value: SecretStr) -> SecretStr:
    if 0 < len(value.get_secret_value()) < _SEAL_KEY_CHARACTERS:
        raise ValueError(f"a seal key has {_SEAL_KEY_CHARACTERS} characters at least")
    return value


Paths = Annotated[tuple[Path, ...], BeforeValidator(lambda v: _split(v, os.pathsep))]


def _topics(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        raise ValueError('it is a JSON object, e.g. {"topic": "https://host/path"}') from None
    if not isinstance(found, dict):
        raise ValueError('it is a JSON object, e.g. {"topic": "https://host/path"}')
    for name, url in found.items():
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ValueError(f"the topic {name!r} has no http(s) address")
    return found


Topics = Annotated[dict[str, str], BeforeValidator(_topics)]
Tags = Annotated[tuple[Literal["cpu", "gpu"], ...], BeforeValidator(lambda v: _split(v, ","))]
Hosts = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$")], ...],
    BeforeValidator(lambda v: _split(_lower(v), ",")),
]
Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
Keys = Annotated[Literal["auto", "on", "off"], BeforeValidator(_lower)]
Format = Annotated[Literal["auto", "console", "json"], BeforeValidator(_lower)]
SealKey = Annotated[SecretStr, AfterValidator(_sealing)]


class Settings(BaseModel):
    """What every service and the command line need. Each field is the variable FRAMEFLEET_<FIELD>."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker_url: SecretStr = Field(
        SecretStr("amqp://guest:guest@127.0.0.1:5672/"), description="RabbitMQ, as an amqp:// address."
    )
    redis_url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis, as a redis:// address.")
    s3_endpoint: str = Field("", description="host:port of the S3 server of s3:// addresses and of the work bucket.")
    s3_access_key: SecretStr = Field(SecretStr(""), description="Its access key.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Its secret key.")
    s3_region: str = Field("us-east-1", description="Its region.")
    s3_secure: bool = Field(True, description="Whether it is spoken to over TLS.")
    tls_ca: Path | None = Field(
        None,
        description="PEM file of the certificate authorities that RabbitMQ, Redis and S3 are verified by, instead of the"
        " system's.",
    )
    work_bucket: str = Field(
        "framefleet", min_length=3, max_length=63, description="Bucket of records and intermediate objects."
    )
    storages: Path | None = Field(None, description="YAML file of named storages (storage:// addresses).")
    storage_roots: Paths = Field(
        (), description="Directories below which admins may set storages over the API, separated like PATH."
    )
    storage_secrets: Path | None = Field(
        None, description="Directory of the keys of such storages: NAME/access_key and NAME/secret_key."
    )
    file_roots: Paths = Field(
        (), description="Directories below which file:// addresses are allowed, separated like PATH."
    )
    allow_private_sources: bool = Field(False, description="Whether http(s) sources may be in private networks.")
    ffmpeg: str | None = Field(None, description="FFmpeg to use instead of the one found.")
    ffprobe: str | None = Field(None, description="ffprobe to use instead of the one found.")
    log_level: Level = Field("info", description="Least level that is logged.")
    log_format: Format = Field("auto", description="auto: JSON unless on a terminal.")
    scratch: Path = Field(
        Path(tempfile.gettempdir()) / "framefleet", description="Directory for the files of running subtasks."
    )
    lease_seconds: float = Field(20, ge=2, le=600, description="How long a claim lasts without a heartbeat, seconds.")
    beat_seconds: float = Field(
        6, ge=0.1, le=120, description="Seconds between heartbeats of a running subtask; at most half a lease."
    )
    stall_seconds: float = Field(60, ge=5, le=3600, description="Seconds without progress after which FFmpeg is ended.")
    ffmpeg_memory: int = Field(8 << 30, ge=0, description="Memory one FFmpeg may use, bytes; 0: no limit.")
    ffmpeg_patience: float = Field(
        60, ge=0, description="CPU seconds allowed for each that the planned work should cost; 0: no limit."
    )
    max_duration: float = Field(86_400, gt=0, description="Longest source, seconds.")
    max_pixels: int = Field(8192 * 4320, gt=0, description="Largest picture of a source, pixels.")
    max_source_bytes: int = Field(1 << 40, gt=0, description="Largest source, bytes.")
    retention_days: float = Field(
        7, ge=0.01, le=3650, description="Days an ended task stays in Redis; the store keeps it."
    )
    cache_days: float = Field(
        1, ge=0, le=3650, description="Days since its last use that finished work is kept for later tasks; 0: none is."
    )
    cache_bytes: int = Field(50 << 30, ge=0, description="Bytes of it that are kept, those used last; 0: none is.")
    metrics_host: str = Field("127.0.0.1", description="Address /metrics and /healthz listen on.")
    otlp_endpoint: str = Field(
        "", description="OpenTelemetry collector that is sent spans, e.g. http://collector:4318; empty: none is."
    )

    @field_validator("tls_ca")
    @classmethod
    def _it_has_certificates(cls, path: Path | None) -> Path | None:
        if path is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
            except OSError as error:  # that of OpenSSL is one, too
                raise ValueError(
                    f"{path} cannot be used as a file of certificates: {error.strerror or error}"
                ) from None
        return path

    @model_validator(mode="after")
    def _a_lease_outlives_a_beat(self) -> Self:
        if self.beat_seconds * 2 > self.lease_seconds:
            raise ValueError(
                f"a heartbeat every {self.beat_seconds:g} s cannot keep a lease of {self.lease_seconds:g} s;"
                f" at most half of {PREFIX}LEASE_SECONDS"
            )
        return self

    @property
    def broker_address(self) -> str:
        """`broker_url` with the certificate authority in it, where there is one and the address names none."""
        options = None if self.tls_ca is None else repr({"cafile": str(self.tls_ca)})
        return _trusting(self.broker_url, "amqps://", "ssl_options", options)

    @property
    def redis_address(self) -> str:
        """`redis_url`, in the same way."""
        return _trusting(self.redis_url, "rediss://", "ssl_ca_certs", None if self.tls_ca is None else str(self.tls_ca))

    @property
    def caches(self) -> bool:
        """Whether finished work is kept for later tasks."""
        return self.cache_days > 0 and self.cache_bytes > 0

    @property
    def variable_names(self) -> list[str]:
        """All variables, with their prefix."""
        return [f"{PREFIX}{name.upper()}" for name in type(self).model_fields]


class SchedulerSettings(Settings):
    """The scheduler's."""

    ageing_seconds: float = Field(
        600, ge=1, le=30 * 86400, description="Seconds of waiting that are worth one level of priority."
    )
    gpu_wait_seconds: float = Field(
        120, ge=0, description="Seconds without any GPU slot that takes work, after which tasks go on without GPUs."
    )
    api_host: str = Field("127.0.0.1", description="Address the HTTP API listens on.")
    api_port: int = Field(8080, ge=0, le=65535, description="Its port; 0: the role `api` is off.")
    api_keys: Keys = Field(
        "auto", description="Whether requests need a key; auto: unless it listens on this machine only."
    )
    api_rate: int = Field(
        REQUESTS_PER_SECOND,
        ge=1,
        le=MOST_PER_SECOND,
        description="Requests per second that a key without a rate of its own may send to one server; twice as many at once.",
    )
    api_hosts: Hosts = Field(
        (),
        description="More host names it answers to without keys, comma separated; addresses and private names always.",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="What calls to webhooks are signed with that have no secret of their own."
    )
    seal_key: SealKey = Field(
        SecretStr(""),
        description="What the secrets of keys that sign are sealed with, 32 characters or more, the same for all schedulers;"
        " empty: there are no such keys, but `framefleet serve` makes a seal key of its own.",
    )
    allow_private_webhooks: bool = Field(False, description="Whether webhooks may be in private networks.")
    cloud_topics: Topics = Field(
        {},
        description="Where the topics are told that tasks of clouds' SDKs name: a JSON object of topic and http(s) address.",
        repr=False,
    )
    upload_quota_bytes: int | None = Field(
        None, gt=0, description="Most bytes the uploads of an access key have together; no limit by default."
    )
    audit_days: float = Field(90, gt=0, le=3650, description="Days for which it is known who changed what.")
    metrics_port: int = Field(9108, ge=0, le=65535, description="Port of /metrics, /healthz and /readyz; 0: off.")

    @property
    def asks_for_keys(self) -> bool:
        """Whether the HTTP API answers only who has a key."""
        return not _is_loopback(self.api_host) if self.api_keys == "auto" else self.api_keys == "on"


class WorkerSettings(Settings):
    """The worker's."""

    metrics_port: int = Field(9109, ge=0, le=65535, description="Port of /metrics and /healthz; 0: off.")
    grace_seconds: float = Field(
        20,
        ge=0,
        le=3600,
        description="Seconds that work may go on after SIGTERM when it will end within them; the rest is given back at once.",
    )
    slots: int | None = Field(None, ge=1, le=512, description="Slots per tag; not set: one per core.")
    scratch_bytes: int | None = Field(
        None,
        gt=0,
        description="Most bytes that files of running subtasks may take together, for a part of a disk; not set: all that is free.",
    )
    tags: Tags = Field((), description="cpu, gpu or both, comma separated; empty: what FFmpeg opens here.")


class CommandSettings(Settings):
    """The command line's."""

    server: str = Field(
        "", description="Address of an HTTP API to use instead of the services themselves, e.g. https://HOST."
    )
    key: SecretStr = Field(SecretStr(""), description="Key for that server, ID:SECRET.")
    key_file: Path | None = Field(
        None, description="File with that key, which nobody else may read; where FRAMEFLEET_KEY is not set."
    )
    seal_key: SealKey = Field(
        SecretStr(""), description="That of the schedulers, for `keys` without a server: keys that sign need it."
    )


def _trusting(url: SecretStr, scheme: str, name: str, value: str | None) -> str:
    text = url.get_secret_value()
    if value is None or not text.startswith(scheme) or f"{name}=" in text:
        return text
    return f"{text}{'&' if '?' in text else '?'}{name}={quote(value, safe='')}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


ALL: tuple[type[Settings], ...] = (Settings, SchedulerSettings, WorkerSettings, CommandSettings)


def load(kind: type[_S], environ: Mapping[str, str]) -> tuple[_S, list[str]]:
    """The settings in an environment, and a warning for each variable with our prefix that nobody knows.

    Unknown variables are no error: Kubernetes puts variables with such names beside ours. Raises SettingsError.
    """
    known = {f"{PREFIX}{name.upper()}": name for cls in ALL for name in cls.model_fields}
    values: dict[str, str] = {}
    warnings: list[str] = []
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(CREDENTIALS):
            continue
        name = known.get(variable)
        if name is None:
            near = difflib.get_close_matches(variable, known, 1)
            warnings.append(f"{variable} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
        elif name in kind.model_fields and value != "":
            values[name] = value
    try:
        return kind.model_validate(values), warnings
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # The one rule over two fields has no place of its own; it is told of the field that is meant to give way.
        name = str(first["loc"][0] if first["loc"] else "beat_seconds")
        raise SettingsError(f"{PREFIX}{name.upper()}: {first['msg'].removeprefix('Value error, ')}") from None


def describe(settings: Settings, environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(variable, effective value, where it comes from) of every setting, secrets masked."""
    rows = []
    for name in type(settings).model_fields:
        variable = f"{PREFIX}{name.upper()}"
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            text = mask(value.get_secret_value())
        elif isinstance(value, dict):
            text = json.dumps({key: mask(held) for key, held in value.items()}) if value else ""
        elif isinstance(value, tuple):
            text = (os.pathsep if name.endswith("_roots") else ",").join(str(v) for v in value)
        else:
            text = "" if value is None else str(value)
        rows.append((variable, text, "environment" if environ.get(variable) else "default"))
    return rows


def mask(secret: str) -> str:
    """An address without its password, also where it stands in the query; anything else secret as stars."""
    if "://" in secret:
        # Up to the last @ before the host: a password may hold an @ (or a /) that nobody has encoded.
        secret = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", secret)
        return re.sub(r"([?&][^=&]*(?:password|secret|token)[^=&]*=)[^&]*", r"\1***", secret, flags=re.IGNORECASE)
    return "***" if secret else ""
