"""Whether a browser asks for a page of ours, or was made to ask by a page of somebody else. Pure.

A browser sends cookies, and reaches this machine's loopback address, whatever page it shows.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from framefleet.domain.errors import Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PRIVATE_ENDS = ("localhost", "local", "internal", "home.arpa", "svc")
"""Names that nobody can register."""


def check_host(headers: Mapping[str, str], more: tuple[str, ...] = ()) -> None:
    """Refuse a request that names a host somebody may have registered and led here (DNS rebinding). Raises Forbidden.

    Only for servers that ask for no key. `more`: names the operator says are this server's.
    """
    name = _host_name(headers.get("host", "")).rstrip(".")
    if name not in more and not _nobody_else_has(name):
        raise Forbidden(
            "without keys this server answers to its IP address, `localhost` and names of private networks only",
            hint="Use the address, name the host in FRAMEFLEET_API_HOSTS, or turn keys on (FRAMEFLEET_API_KEYS=on).",
        )


def check_origin(headers: Mapping[str, str]) -> None:
    """Refuse what a page of another site sends. Raises Forbidden. Programs that are no browsers send no origin."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    ours = headers.get("host", "").lower()
    if origin is not None and _place(origin) not in {ours} - {""}:
        raise Forbidden("the request comes from a page of another site", hint="Use the pages of this server.")
    if origin is None and site not in {None, "same-origin", "none"}:
        raise Forbidden("the request comes from a page of another site", hint="Use the pages of this server.")


def _place(origin: str) -> str:
    """Host and port; empty for what has none, such as `null`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _nobody_else_has(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(tuple(f".{end}" for end in _PRIVATE_ENDS)))
    return True
