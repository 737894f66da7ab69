"""What the menu leads to."""

from __future__ import annotations

from typing import NamedTuple

from framefleet.domain.access import Role


class Entry(NamedTuple):
    """A page in the menu."""

    path: str
    """Its own, and the beginning of those of the pages below it."""
    label: str
    icon: str
    """One of those in templates/icons.html."""
    role: Role = Role.VIEWER
    """Who sees it."""
    whole: bool = False
    """Only who has that role for all pipelines."""


NAV = (
    Entry("/tasks", "Tasks", "tasks"),
    Entry("/new", "New task", "new", Role.PRODUCER),
    Entry("/workers", "Workers", "workers"),
    Entry("/pipelines", "Pipelines", "pipelines"),
    Entry("/templates", "Templates", "templates"),
    Entry("/storages", "Storages", "storages"),
    Entry("/deliveries", "Deliveries", "deliveries"),
    Entry("/keys", "Keys", "keys", Role.ADMIN, whole=True),
    Entry("/audit", "Changes", "audit", Role.ADMIN, whole=True),
)
