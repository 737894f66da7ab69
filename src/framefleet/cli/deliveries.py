"""`framefleet deliveries`: events on their way to webhooks, what came of them, and sending them once more."""

from __future__ import annotations

import argparse
from itertools import islice
from typing import TYPE_CHECKING

from framefleet.cli.output import OK, emit, table
from framefleet.cli.reach import way

if TYPE_CHECKING:
    from framefleet.domain.delivery import DeliveryRecord, Try


def listing(options: argparse.Namespace) -> int:
    """Those of a state, or of a task; the newest first."""
    with way(options) as cluster:
        found = list(islice(cluster.deliveries.list(options.state, options.task), options.limit))
    if options.json:
        emit([one.model_dump(mode="json") for one in found])
        return OK
    rows = [(one.id, one.state, one.host, str(one.tries), _last(one)) for one in found]
    print(table(rows, ("DELIVERY", "STATE", "HOST", "TRIES", "LAST")) if rows else "no deliveries")
    return OK


def show(options: argparse.Namespace) -> int:
    """One with its tries."""
    with way(options) as cluster:
        found = cluster.deliveries.get(options.id)
    if options.json:
        emit(found.model_dump(mode="json"))
        return OK
    print(f"{found.id}  {found.state}\n{found.url}")
    if found.next_at is not None:
        print(f"next try at {found.next_at:%Y-%m-%d %H:%M:%S} UTC")
    for tried in found.attempts:
        print(f"{tried.at:%Y-%m-%d %H:%M:%S}  {_outcome(tried)}  {tried.answer[:80]}".rstrip())
    return OK


def replay(options: argparse.Namespace) -> int:
    """One, or all that were given up, once more."""
    with way(options) as cluster:
        if options.id is not None:
            cluster.deliveries.replay(options.id)
            number = 1
        else:
            number = cluster.deliveries.replay_all(options.host)
    if options.json:
        emit({"replayed": number})
    else:
        print(f"{number} sent once more")
    return OK


def remove(options: argparse.Namespace) -> int:
    """Never send one."""
    with way(options) as cluster:
        cluster.deliveries.remove(options.id)
    if options.json:
        emit({"removed": options.id})
    else:
        print(f"{options.id} is removed")
    return OK


def _last(delivery: DeliveryRecord) -> str:
    return _outcome(delivery.attempts[-1]) if delivery.attempts else "-"


def _outcome(tried: Try) -> str:
    return str(tried.status) if tried.status is not None else tried.error or "?"
