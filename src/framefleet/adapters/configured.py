"""The stores that the settings name, built the same way for every service."""

from __future__ import annotations

from framefleet.adapters.s3 import S3Store
from framefleet.adapters.storages import S3Config, Storages, load_storages
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
    )


def work_store(settings: Settings) -> S3Store:
    """The work bucket."""
    config = default_s3(settings)
    access, secret = config.credentials()
    return S3Store(config.endpoint, access, secret, settings.work_bucket, "", config.region, config.secure)


def storages(settings: Settings) -> Storages:
    """Where sources are read and targets written; the work bucket is neither."""
    named = load_storages(settings.storages) if settings.storages else {}
    return Storages(
        default_s3(settings),
        named,
        settings.file_roots,
        settings.allow_private_sources,
        reserved=(settings.work_bucket,),
    )
