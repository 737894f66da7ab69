"""Requests that the clouds' own SDKs have signed, as they came over a socket (signed.json; the key is of these tests).

`sdk` in it says which client and version made it. The user agent of the legacy core, which is not signed, is shortened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from framefleet_scheduler.clouds.signatures import Claim, Scheme, acs3, rpc1, tc1, tc3
from framefleet_scheduler.clouds.wire import RawRequest

KEY_ID = "aaaabbbbccccdddd"
SECRET = "a secret of the tests, in no use"
HARD = "a b+c*d~e:f/é中'\"&=%20;(x)!"
"""What most of the requests hold as a value."""
MODULES: dict[Scheme, ModuleType] = {Scheme.ACS3: acs3, Scheme.RPC1: rpc1, Scheme.TC3: tc3, Scheme.TC1: tc1}


@dataclass(frozen=True)
class Signed:
    """One of them."""

    name: str
    scheme: Scheme
    action: str
    version: str
    request: RawRequest


def _read() -> dict[str, Signed]:
    some = {}
    for one in json.loads((Path(__file__).parent / "signed.json").read_text()):
        path, _, query = one["target"].partition("?")
        headers = tuple((name, value) for name, value in one["headers"])
        request = RawRequest(one["method"], path, query, headers, one["body"].encode("latin-1"), "192.0.2.1")
        some[one["name"]] = Signed(one["name"], Scheme(one["scheme"]), one["action"], one["version"], request)
    return some


EVERY = _read()
REFUSED = {"imm5 sm3", "imm4 sm3", "imm5 bearer", "imm4 bearer", "vod skip"}
"""That say what is not supported."""
GOOD = [one for name, one in EVERY.items() if name not in REFUSED]


def claimed(scheme: Scheme, request: RawRequest) -> Claim:
    """Of the scheme's module."""
    claim = MODULES[scheme].claimed(request)
    assert isinstance(claim, Claim)
    return claim


def is_right(request: RawRequest, claim: Claim, secret: str = SECRET) -> bool:
    """Of the scheme's module."""
    return bool(MODULES[claim.scheme].is_right(request, claim, secret))


def with_header(request: RawRequest, name: str, value: str | None) -> RawRequest:
    """The same, but for one header: another value, one more, or (None) none."""
    others = tuple(one for one in request.headers if one[0] != name)
    return replace(request, headers=others if value is None else (*others, (name, value)))
