"""What else a server has: templates, pipelines, storages, workers, keys. Answers are JSON's types, as /openapi.json describes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framefleet.http_client.wire import Wire


class Templates:
    """What there is to make."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> Sequence[dict[str, Any]]:
        """The predefined ones, then the latest version of each of your own: name, kind, description, version."""
        return tuple(self._wire.call("GET", "v1", "templates")["templates"])

    def get(self, reference: str, *, defaults: bool = False) -> dict[str, Any]:
        """One, by `name` or `name@version`; with `defaults`, every field it does not set too."""
        return dict(self._wire.call("GET", "v1", "templates", reference, query={"defaults": defaults}))

    def create(self, name: str, settings: Any) -> dict[str, Any]:
        """A new one."""
        return dict(self._wire.call("POST", "v1", "templates", name, document=settings))

    def update(self, name: str, settings: Any, *, version: int | None = None) -> dict[str, Any]:
        """Its next version; with `version`, only if that is still the latest."""
        return dict(
            self._wire.call(
                "PUT", "v1", "templates", name, document=settings, headers=_if_match(version), repeatable=False
            )
        )

    def delete(self, name: str, *, version: int | None = None) -> None:
        """Take it out of use."""
        self._wire.call("DELETE", "v1", "templates", name, headers=_if_match(version), repeatable=False)

    def versions(self, name: str) -> Sequence[dict[str, Any]]:
        """Its versions, the oldest first."""
        return tuple(self._wire.call("GET", "v1", "templates", name, "versions"))


class Pipelines:
    """Shares of the workers, limits, pauses."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> dict[str, Any]:
        """`pipelines`, and whether everything is `paused`."""
        return dict(self._wire.call("GET", "v1", "pipelines"))

    def change(self, name: str, **values: float | None) -> dict[str, Any]:
        """Set weight, max_tasks, max_subtasks or default_priority; None takes a limit away, what is not given stays."""
        return dict(self._wire.call("PATCH", "v1", "pipelines", name, document=values, repeatable=True))

    def pause(self, name: str | None = None) -> None:
        """Begin nothing more of it; without a name of any."""
        self._wire.call("POST", "v1", "pipelines", *filter(None, [name]), "pause", repeatable=True)

    def resume(self, name: str | None = None) -> None:
        """End its pause; without a name that of everything."""
        self._wire.call("POST", "v1", "pipelines", *filter(None, [name]), "resume", repeatable=True)


class Storages:
    """Where sources are and outputs go."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> Sequence[dict[str, Any]]:
        """All by name: the built-in ones, the operator's, and those set while the cluster runs (`origin` tells)."""
        return tuple(self._wire.call("GET", "v1", "storages")["storages"])

    def get(self, name: str) -> dict[str, Any]:
        """One with its settings."""
        return dict(self._wire.call("GET", "v1", "storages", name))

    def put(self, name: str, settings: Any, *, version: int | None = None) -> dict[str, Any]:
        """Make one, or change it; with `version`, only if that is still the latest."""
        headers = _if_match(version)
        return dict(
            self._wire.call("PUT", "v1", "storages", name, document=settings, headers=headers, repeatable=False)
        )

    def delete(self, name: str, *, version: int | None = None) -> None:
        """Take it out of use; what is in it stays."""
        self._wire.call("DELETE", "v1", "storages", name, headers=_if_match(version), repeatable=False)

    def check(self, name: str) -> dict[str, Any]:
        """Write, read, list and remove a small object in it, from the server's machine: `ok`, and the `steps`."""
        return dict(self._wire.call("POST", "v1", "storages", name, "check", repeatable=True))


class Workers:
    """Live slots."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> dict[str, Any]:
        """`workers`, and what is `drained`."""
        return dict(self._wire.call("GET", "v1", "workers"))

    def drain(self, name: str) -> dict[str, Any]:
        """Let a slot or a host take no new work; the `slots` it means."""
        return dict(self._wire.call("POST", "v1", "workers", name, "drain", repeatable=True))

    def undrain(self, name: str) -> None:
        """Let it take work again."""
        self._wire.call("POST", "v1", "workers", name, "undrain", repeatable=True)


class Keys:
    """Who may use the server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, *, revoked: bool = False) -> Sequence[dict[str, Any]]:
        """Those in force; with `revoked` the others too."""
        return tuple(self._wire.call("GET", "v1", "keys", query={"revoked": revoked}))

    def create(
        self,
        role: str,
        *,
        name: str = "",
        pipelines: Sequence[str] | None = None,
        rate: int | None = None,
        signs: bool = False,
        actions: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """A new one, with its `secret`, which nobody can ask for again. `pipelines` it is good for; None: all. `rate`:
        requests per second; None: the server's. `signs`: requests of the clouds' SDKs may be signed with it. `actions`: the
        operations of the clouds' dialects that it is for, and then for nothing else, e.g. `imm:*`.
        """
        document: dict[str, Any] = {
            "role": role,
            "name": name,
            "pipelines": None if pipelines is None else [*pipelines],
        }
        if rate is not None:
            document["rate"] = rate
        if signs:
            document["signs"] = True
        if actions is not None:
            document["actions"] = [*actions]
        return dict(self._wire.call("POST", "v1", "keys", document=document))

    def rotate(self, key_id: str) -> dict[str, Any]:
        """Another `secret` for it; the old one is good for nothing any more."""
        return dict(self._wire.call("POST", "v1", "keys", key_id, "rotate"))

    def revoke(self, key_id: str) -> None:
        """Take it out of force for ever."""
        self._wire.call("DELETE", "v1", "keys", key_id, repeatable=False)


def _if_match(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}
