"""Named storages as the operator's file has them: S3 buckets with credentials, and directories."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator

from framefleet.domain.storage import BUILT_IN, split_endpoint
from framefleet.domain.value import Value


class _Config(Value):
    model_config = ConfigDict(hide_input_in_errors=True)  # the input may be a secret in the wrong place


class S3Config(_Config):
    """An S3 server with an account, and for a named storage its bucket. Without keys requests are anonymous."""

    kind: Literal["s3"] = "s3"
    endpoint: str = Field(min_length=1)
    """`host`, `host:port`, or either behind http:// or https://, which then says whether to use TLS."""
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    access_key_env: str | None = None
    """Name of the environment variable that holds the access key."""
    secret_key_env: str | None = None
    region: str = "us-east-1"
    secure: bool = True
    ca_file: Path | None = None
    """PEM file of the certificate authority it is verified by; None: the system's."""
    bucket: str | None = None
    prefix: str = ""
    """Folder in the bucket below which everything is."""

    @model_validator(mode="before")
    @classmethod
    def _split_endpoint(cls, values: Any) -> Any:
        return split_endpoint(values)

    @field_validator("endpoint")
    @classmethod
    def _only_a_host(cls, endpoint: str) -> str:
        if any(c in endpoint for c in "/@?# "):
            raise ValueError("an endpoint is host or host:port")
        return endpoint

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        for name in ("access_key", "secret_key"):
            if getattr(self, name) is not None and getattr(self, f"{name}_env") is not None:
                raise ValueError(f"give either {name} or {name}_env")
        if (self.access_key or self.access_key_env) and not (self.secret_key or self.secret_key_env):
            raise ValueError("an access key needs a secret key")
        return self

    def credentials(self, environ: Mapping[str, str] = os.environ) -> tuple[str | None, str | None]:
        """Access and secret key; raises ValueError when an environment variable they are in is not set."""
        return (
            _secret(self.access_key, self.access_key_env, environ),
            _secret(self.secret_key, self.secret_key_env, environ),
        )


class DirectoryConfig(_Config):
    """A directory, for example of a network file system that every worker mounts."""

    kind: Literal["directory"]
    root: Path

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: Path) -> Path:
        if not root.is_absolute():
            raise ValueError("the root has to be an absolute path")
        return root


StorageConfig = Annotated[S3Config | DirectoryConfig, Field(discriminator="kind")]

_FILE: TypeAdapter[dict[str, S3Config | DirectoryConfig]] = TypeAdapter(
    dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$")], StorageConfig]
)


def load_storages(path: Path, environ: Mapping[str, str] = os.environ) -> dict[str, S3Config | DirectoryConfig]:
    """Read named storages from a YAML or JSON file: a mapping of names to S3Config or DirectoryConfig.

    Raises ValueError with a sentence naming the file and the field, never a value: it may be a secret.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"{path}: not YAML" + (f" (line {mark.line + 1})" if mark else "")) from None
    try:
        storages = _FILE.validate_python({} if content is None else content)
    except ValidationError as invalid:
        first = invalid.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {where}: {first['msg']}") from None
    for name, config in storages.items():
        if name in BUILT_IN:
            raise ValueError(f"{path}: {name}: the name is taken by a built-in storage")
        if isinstance(config, S3Config):
            if config.bucket is None:
                raise ValueError(f"{path}: {name}: an S3 storage needs a bucket")
            try:
                config.credentials(environ)
            except ValueError as error:
                raise ValueError(f"{path}: {name}: {error}") from None
    return storages


def _secret(value: SecretStr | None, variable: str | None, environ: Mapping[str, str]) -> str | None:
    if variable is not None:
        if not environ.get(variable):
            raise ValueError(f"the environment variable {variable} is not set")
        return environ[variable]
    return value.get_secret_value() if value is not None else None


def settings_shown(config: S3Config | DirectoryConfig) -> dict[str, Any]:
    """What may be shown of an operator's storage: no key, and no name of one."""
    shown = {"kind", "endpoint", "bucket", "prefix", "region", "secure", "root"}
    return config.model_dump(mode="json", include=shown)
