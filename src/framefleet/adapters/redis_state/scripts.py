"""Loads the Lua scripts and runs them by their digest. The only module that talks to the client; knows no subtasks."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

import redis

from framefleet.domain.errors import StateUnavailable

_USES = re.compile(r"--! use (.+)\n")


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and its SHA-1, by which Redis knows it."""

    text: str
    digest: str


class Scripts:
    """Runs scripts. Every script answers with a list whose first item is a word."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._scripts: dict[str, Script] = {}

    def ask(self, name: str, *arguments: str | float) -> list[Any]:
        """The script's answer, its first word included, also when that is `NO_EPOCH`.

        Raises StateUnavailable when Redis fails. Safe to repeat: a script changes nothing when it finds its change
        made; only `note_work` adds up again, which a sum of estimates bears.
        """
        texts = [str(argument) for argument in arguments]
        try:
            script = self._scripts.get(name) or self._load(name)
            try:
                answer: Any = self._client.evalsha(script.digest, 0, *texts)
            except redis.exceptions.NoScriptError:  # Redis was restarted, or sees this script for the first time
                answer = self._client.eval(script.text, 0, *texts)
        except redis.RedisError as error:
            raise StateUnavailable(f"Redis did not run {name}: {error}") from error
        return list(answer)

    def run(self, name: str, *arguments: str | float) -> list[Any]:
        """As `ask`, but raises StateUnavailable also when Redis has no epoch and the script needs one."""
        answer = self.ask(name, *arguments)
        if answer[0] == "NO_EPOCH":
            raise StateUnavailable("Redis holds no state yet", hint="A scheduler rebuilds it from the object store.")
        return answer

    def applied(self, name: str, *arguments: str | float) -> bool:
        """True when the script answered OK: it found its precondition and made its change."""
        return bool(self.run(name, *arguments)[0] == "OK")

    def server(self) -> str:
        """The id that the server gave itself when it started. Raises StateUnavailable."""
        try:
            about: Any = self._client.info("server")
        except redis.RedisError as error:
            raise StateUnavailable(f"Redis did not say who it is: {error}") from error
        return str(about["run_id"])

    def _load(self, name: str) -> Script:
        script = load(name)
        self._scripts[name] = script
        return script


def load(name: str) -> Script:
    """A script with the libraries its first line asks for (`--! use events queue`) before it."""
    parts: dict[str, str] = {"lib_base": _read("lib_base")}
    _gather(name, parts)
    text = "\n".join(parts.values())
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _gather(name: str, parts: dict[str, str]) -> None:
    """Add a file behind the libraries it asks for, which may ask for others."""
    body = _read(name)
    uses = _USES.match(body)
    for library in uses[1].split() if uses else ():
        if f"lib_{library}" not in parts:
            _gather(f"lib_{library}", parts)
    parts[name] = body


def _read(name: str) -> str:
    return (resources.files(__package__) / "lua" / f"{name}.lua").read_text(encoding="utf-8")
