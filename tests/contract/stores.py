"""What the tests of object stores share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from framefleet.adapters.s3 import S3Store
from framefleet.ports import ObjectStore
from tests.services import S3


def open_s3(server: S3, bucket: str, prefix: str = "", **changed: Any) -> S3Store:
    settings: dict[str, Any] = {
        "endpoint": server.endpoint,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "region": server.region,
        "secure": False,
    }
    return S3Store(bucket=bucket, prefix=prefix, **(settings | changed))


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def race(creators: int, create: Callable[[int], bool]) -> list[bool]:
    """What each creator was told; all start at the same moment."""
    start = threading.Barrier(creators)

    def run(n: int) -> bool:
        start.wait(timeout=30)
        return create(n)

    with ThreadPoolExecutor(creators) as pool:
        return list(pool.map(run, range(creators)))
