"""The stores that the settings name, built the same way for every service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from framefleet.adapters.registered import Allowed, Lookup, Registered
from framefleet.adapters.s3 import S3Store
from framefleet.adapters.storage_config import DirectoryConfig, S3Config, load_storages
from framefleet.adapters.storages import BuiltIn, Storages
from framefleet.domain import keys
from framefleet.ports import ObjectStore
from framefleet.settings import Settings


def default_s3(settings: Settings) -> S3Config:
    """The S3 server of s3:// addresses and of the work bucket; raises ValueError when none is set."""
    if not settings.s3_endpoint:
        raise ValueError("FRAMEFLEET_S3_ENDPOINT is not set: records and intermediate objects are kept in an S3 bucket")
    return S3Config(
        endpoint=settings.s3_endpoint,
        access_key=settings.s3_access_key if settings.s3_access_key.get_secret_value() else None,
        secret_key=settings.s3_secret_key if settings.s3_secret_key.get_secret_value() else None,
        region=settings.s3_region,
        secure=settings.s3_secure,
        ca_file=settings.tls_ca,
    )


def work_store(settings: Settings) -> S3Store:
    """The work bucket."""
    config = default_s3(settings)
    access, secret = config.credentials()
    return S3Store(
        config.endpoint, access, secret, settings.work_bucket, "", config.region, config.secure, config.ca_file
    )


def storages(settings: Settings, work: ObjectStore, lookup: Lookup) -> Storages:
    """Where sources are read and targets written; the work bucket is neither, but for its built-in storages.

    `work`: the work bucket; `lookup`: the storages that admins set.
    """
    default = default_s3(settings)
    return Storages(
        default,
        _named(settings),
        settings.file_roots,
        settings.allow_private_sources,
        reserved=(settings.work_bucket,),
        built_in=built_in(work),
        registered=Registered(lookup, _allowed(settings, (default.endpoint, settings.work_bucket))),
    )


def embedded_storages(
    settings: Settings, work: ObjectStore, lookup: Lookup, outputs: Path, files: Sequence[Path]
) -> Storages:
    """Those of `framefleet serve`: an S3 server is not needed, and storage://outputs/ is there unless it is named otherwise.

    `files`: folders below which file:// and storages are allowed beside those of the settings.
    """
    allowed = _allowed(settings, None)
    return Storages(
        default_s3(settings) if settings.s3_endpoint else None,
        {"outputs": DirectoryConfig(kind="directory", root=outputs), **_named(settings)},
        [*files, *settings.file_roots],
        settings.allow_private_sources,
        built_in=built_in(work),
        registered=Registered(lookup, replace(allowed, roots=(*files, *allowed.roots))),
    )


def built_in(work: ObjectStore) -> dict[str, BuiltIn]:
    """The storages that are always there."""
    return {"uploads": BuiltIn(work, keys.UPLOADED), "samples": BuiltIn(work, keys.SAMPLES)}


def _named(settings: Settings) -> dict[str, S3Config | DirectoryConfig]:
    return load_storages(settings.storages) if settings.storages else {}


def _allowed(settings: Settings, work_bucket: tuple[str, str] | None) -> Allowed:
    return Allowed(settings.storage_roots, settings.storage_secrets, work_bucket)
