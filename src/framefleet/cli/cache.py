"""`framefleet cache`: what is kept of finished work in the work bucket, and removing it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING

from framefleet.cli import config
from framefleet.cli.output import OK, CliError, emit, table

if TYPE_CHECKING:
    from framefleet.adapters.s3 import S3Store


def show(options: argparse.Namespace) -> int:
    """Entries, bytes and the oldest use, of each pipeline."""
    from framefleet_scheduler.cache import Entry, entries

    lanes: dict[str, list[Entry]] = {}
    with _store() as store:
        for entry in filter(lambda e: e.is_work, entries(store, options.pipeline)):
            lanes.setdefault(entry.pipeline, []).append(entry)
    found = [(lane, len(e), sum(x.bytes for x in e), min(x.used for x in e)) for lane, e in sorted(lanes.items())]
    if options.json:
        emit([{"pipeline": p, "entries": n, "bytes": size, "oldest": at.isoformat()} for p, n, size, at in found])
        return OK
    rows = [(p, str(n), str(size), f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}") for p, n, size, at in found]
    print(table(rows, ("PIPELINE", "ENTRIES", "BYTES", "OLDEST USE")) if rows else "nothing is kept")
    return OK


def clear(options: argparse.Namespace) -> int:
    """Remove all of it, or what belongs to one pipeline."""
    from framefleet_scheduler import cache

    with _store() as store:
        number, size = cache.clear(store, cache.entries(store, options.pipeline))
    if options.json:
        emit({"entries": number, "bytes": size})
    else:
        print(f"removed {number} entries, {size} bytes")
    return OK


@contextmanager
def _store() -> Iterator[S3Store]:
    from framefleet.adapters.configured import work_store

    try:
        store = work_store(config.settings())
    except ValueError as error:
        raise CliError("not_configured", str(error)) from None
    try:
        yield store
    finally:
        store.close()
