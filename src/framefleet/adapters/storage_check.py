"""Whether a storage works: an object is really written, read, found and removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

from framefleet.domain.errors import FramefleetError, StoreUnavailable
from framefleet.ports import ObjectStore


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried."""

    step: str
    """write, read, list, delete."""
    ok: bool
    message: str | None = None
    """What is wrong."""
    hint: str | None = None


def check_storage(store: ObjectStore) -> list[Step]:
    """Everything tasks do with a storage, tried in turn until something fails; leaves nothing behind, if it may delete.

    Takes up to half a minute when a server does not answer.
    """
    key, data = f"framefleet-check-{token_hex(8)}", token_hex(16).encode()

    def read() -> None:
        if store.get(key) != data:
            raise StoreUnavailable("what was written could not be read again")

    def find() -> None:
        if [info.key for info in store.list(key)] != [key]:
            raise StoreUnavailable("what was written is not listed")

    def delete() -> None:
        store.delete([key])
        if store.get(key) is not None:
            raise StoreUnavailable("what was deleted is still there")

    steps = [_tried("write", lambda: store.put(key, data))]
    if not steps[0].ok:
        return steps
    for name, do in (("read", read), ("list", find)):
        if all(step.ok for step in steps):
            steps.append(_tried(name, do))
    steps.append(_tried("delete", delete))
    return steps


def _tried(name: str, do: Callable[[], None]) -> Step:
    try:
        do()
    except FramefleetError as error:
        return Step(name, False, error.message, error.hint_text)
    return Step(name, True)
