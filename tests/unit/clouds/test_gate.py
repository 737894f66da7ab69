"""Who may come in, in which order that is looked at, and how often they may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from framefleet.domain.access import AccessKey, Role
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.clouds.gate import Gate, Refused, Why
from framefleet_scheduler.clouds.signatures import Scheme
from framefleet_scheduler.clouds.wire import RawRequest
from tests.factories import NOW
from tests.unit.clouds import signers
from tests.unit.clouds.desks import Around
from tests.unit.clouds.signed import KEY_ID, SECRET, with_header

KEY = AccessKey(
    id=KEY_ID,
    role=Role.PRODUCER,
    pipelines=("films",),
    secret_sha256="0" * 64,
    created_at=NOW,
    version=1,
    changed_at=NOW,
    nonce="",
)
REQUESTS: dict[Scheme, Callable[[], RawRequest]] = {
    Scheme.ACS3: lambda: signers.acs3({"TaskId": "x"}),
    Scheme.RPC1: lambda: signers.rpc1({"TaskId": "x"}),
    Scheme.TC3: signers.tc3,
    Scheme.TC1: lambda: signers.tc1({"TaskId": "x"}),
}


@dataclass
class Keys:
    """One key, and whom was asked for."""

    key: AccessKey = KEY
    secret: str | None = SECRET
    asked: list[str] = field(default_factory=list)

    def in_force(self, key_id: str) -> AccessKey | None:
        self.asked.append(key_id)
        return self.key if key_id == self.key.id else None

    def secret_of(self, key: AccessKey) -> str | None:
        return self.secret

    def check(self, key_id: str, secret: str) -> AccessKey | None:
        self.asked.append(key_id)
        return self.key if (key_id, secret) == (self.key.id, self.secret) else None

    def has_seen(self, key_id: str) -> bool:
        return key_id == self.key.id and key_id in self.asked


class Seen:
    """In a dictionary."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.seconds: list[float] = []

    def first(self, name: str, what: str, seconds: float) -> str:
        self.seconds.append(seconds)
        return self.names.setdefault(name, what)


class Door:
    """A gate, at the moment in which the requests of `signers` were signed."""

    def __init__(self, **of_keys: Any) -> None:
        self.keys = Keys(**of_keys)
        self.around = Around(access=self.keys)
        self.clock = self.around.clock
        self.clock.pass_((datetime.fromtimestamp(signers.UNIX, UTC) - self.clock.now()).total_seconds())
        self.seen = Seen()
        self.gate = Gate(self.around.desk, self.seen, Rates(2.0, now=self.clock.monotonic))
        self.count = 0

    def why(self, scheme: Scheme, request: RawRequest) -> Why | None:
        """None: it is open."""
        self.count += 1
        try:
            self.gate.signed(request, scheme, f"call{self.count}")
        except Refused as refused:
            return refused.why
        return None

    def basic(self, key_id: str, secret: str, client: str = "192.0.2.1") -> Why | None:
        try:
            self.gate.basic(replace(signers.tc3(), client=client), key_id, secret)
        except Refused as refused:
            return refused.why
        return None


def mended(request: RawRequest, old: str, new: str) -> RawRequest:
    """With some text in place of another, wherever it stands."""
    headers = tuple((name, value.replace(old, new)) for name, value in request.headers)
    body = request.body.replace(old.encode(), new.encode())
    return replace(request, query=request.query.replace(old, new), headers=headers, body=body)


@pytest.mark.parametrize("scheme", Scheme)
def test_who_has_signed_comes_in_as_the_key_is(scheme: Scheme) -> None:
    door = Door()

    caller, claim, key = door.gate.signed(REQUESTS[scheme](), scheme, "call")

    assert (caller.id, caller.role, caller.pipelines, key) == (KEY_ID, Role.PRODUCER, ("films",), KEY)
    assert claim.key_id == KEY_ID


@pytest.mark.parametrize("scheme", Scheme)
def test_what_is_wrong_first_is_told_and_nothing_of_the_rest(scheme: Scheme) -> None:
    right = REQUESTS[scheme]()
    unknown = mended(right, KEY_ID, "b" * 16)
    wrong = mended(mended(right, "host", "host"), signers.HOST, "else.example:1")
    if scheme is Scheme.RPC1:  # its signature is not over the host
        wrong = mended(right, "TaskId=x", "TaskId=y")

    assert Door().why(scheme, unknown) is Why.UNKNOWN_KEY
    assert Door(secret=None).why(scheme, right) is Why.UNKNOWN_KEY, "it is none that signs"
    assert Door().why(scheme, wrong) is Why.SIGNATURE
    door = Door()
    door.clock.pass_(16 * 60)
    assert door.why(scheme, unknown) is Why.UNKNOWN_KEY, "an old request of nobody is one of nobody"
    assert door.why(scheme, wrong) is Why.SIGNATURE
    assert door.why(scheme, right) is Why.EXPIRED
    assert not door.seen.names, "what is refused uses up no nonce"
    door.clock.pass_(-16 * 60)
    assert door.why(scheme, right) is None


@pytest.mark.parametrize("scheme", Scheme)
def test_a_request_counts_once_while_its_time_is_good(scheme: Scheme) -> None:
    door = Door()
    request = REQUESTS[scheme]()
    assert door.why(scheme, request) is None
    _, claim, _ = Door().gate.signed(request, scheme, "x")

    door.clock.pass_(2.5)

    assert door.why(scheme, request) is Why.REPLAY
    assert door.seen.seconds == [2 * claim.skew.total_seconds()] * 2


def test_equal_calls_of_one_second_are_no_replay_where_a_scheme_has_no_nonce() -> None:
    door = Door()

    assert [door.why(Scheme.TC3, signers.tc3()) for _ in range(3)] == [None] * 3
    assert door.why(Scheme.ACS3, REQUESTS[Scheme.ACS3]()) is None
    assert door.why(Scheme.ACS3, REQUESTS[Scheme.ACS3]()) is Why.REPLAY


def test_an_equal_signature_may_come_for_another_operation_within_two_seconds() -> None:
    door = Door()
    first = signers.tc3()
    assert door.why(Scheme.TC3, first) is None
    assert door.why(Scheme.TC3, mended(first, "ProcessMedia", "DeleteMedia")) is None


def test_a_request_that_is_tried_again_after_a_lost_answer_of_redis_is_the_same() -> None:
    door = Door()
    request = REQUESTS[Scheme.ACS3]()

    for _ in range(2):
        door.gate.signed(request, Scheme.ACS3, "same")


@pytest.mark.parametrize(
    ("scheme", "header", "value", "why"),
    [
        (Scheme.ACS3, "authorization", None, Why.NO_KEY),
        (Scheme.ACS3, "authorization", "ACS3-HMAC-SM3 Credential=x", Why.METHOD),
        (Scheme.ACS3, "x-acs-date", "yesterday", Why.DATE),
        (Scheme.ACS3, "x-acs-content-sha256", "0" * 64, Why.SIGNATURE),
        (Scheme.TC3, "authorization", "SKIP", Why.NO_KEY),
        (Scheme.TC3, "x-tc-token", "sts", Why.TOKEN),
        (Scheme.TC3, "authorization", "TC3-HMAC-SHA256 nonsense", Why.FORMAT),
    ],
)
def test_what_cannot_be_checked_is_refused_before_anybody_is_looked_up(
    scheme: Scheme, header: str, value: str | None, why: Why
) -> None:
    door = Door()

    assert door.why(scheme, with_header(REQUESTS[scheme](), header, value)) is why
    assert not door.keys.asked


def test_guesses_are_limited_by_address_and_hold_up_nobody_whom_the_server_knows() -> None:
    door = Door()
    assert door.basic(KEY_ID, SECRET) is None

    said = [door.basic("b" * 16, "wrong") for _ in range(6)]
    assert said == [Why.UNKNOWN_KEY] * 3 + [Why.GUESSES] * 3
    assert door.keys.asked.count("b" * 16) == 3, "the store is asked no more"
    assert door.basic("b" * 16, "wrong", client="192.0.2.2") is Why.UNKNOWN_KEY
    assert door.why(Scheme.TC3, mended(signers.tc3(), KEY_ID, "c" * 16)) is Why.GUESSES

    assert door.basic(KEY_ID, SECRET) is None
    assert door.why(Scheme.TC3, signers.tc3()) is None
    assert door.basic(KEY_ID, "wrong") is Why.GUESSES, "also its secret cannot be guessed for long"
    door.clock.pass_(1)
    assert door.basic("b" * 16, "wrong") is Why.UNKNOWN_KEY


def test_wrong_signatures_are_guesses() -> None:
    door = Door()
    wrong = mended(signers.tc3(), signers.HOST, "else.example:1")

    assert [door.why(Scheme.TC3, wrong) for _ in range(5)] == [Why.SIGNATURE] * 3 + [Why.GUESSES] * 2


def test_a_key_for_some_operations_is_for_no_other() -> None:
    door = Door(key=KEY.model_copy(update={"actions": ("imm:Get*", "visionular:list_*")}))
    caller, _, key = door.gate.signed(signers.tc3(), Scheme.TC3, "call")

    for operation, is_open in (
        ("imm:GetTask", True),
        ("visionular:list_task", True),
        ("imm:CreateMediaConvertTask", False),
        ("ice:GetTask", False),
        ("visionular:query_task", False),
    ):
        try:
            door.gate.may(key, caller, operation, (operation, 100.0))
            assert is_open, operation
        except Refused as refused:
            assert (refused.why, is_open) == (Why.ACTION, False), operation


def test_calls_are_counted_by_what_the_front_says_and_by_key() -> None:
    door = Door()
    caller, key = door.gate.basic(signers.tc3(), KEY_ID, SECRET)

    def may(operation: str, who: str = "", rate: float = 2.0) -> float | None:
        asks = replace(caller, id=who or caller.id, rate=5 if who else None)
        try:
            door.gate.may(key, asks, operation, (f"{operation} {asks.id}", rate))
        except Refused as refused:
            assert refused.why is Why.RATE
            return refused.retry_after
        return None

    assert [may("vod:A") for _ in range(5)] == [None] * 4 + [0.5]
    assert may("vod:B") is None, "another operation"
    assert may("vod:A", "other") is None, "another key"
    assert [may(f"vod:C{i}", "few") for i in range(11)] == [None] * 10 + [pytest.approx(0.2)], "all of one key"
    door.clock.pass_(0.5)
    assert may("vod:A") is None


def test_a_key_for_no_pipeline_has_no_tenant() -> None:
    """Else it had that of the keys for all pipelines."""
    door = Door(key=KEY.model_copy(update={"pipelines": ()}))
    caller, _, key = door.gate.signed(signers.tc3(), Scheme.TC3, "call")

    with pytest.raises(Refused) as refused:
        door.gate.may(key, caller, "vod:DescribeTasks", ("x", 100.0))

    assert refused.value.why is Why.ACTION


@pytest.mark.parametrize("scheme", [Scheme.TC3])
def test_of_an_operation_that_is_none_little_is_remembered(scheme: Scheme) -> None:
    door = Door()
    long = with_header(signers.tc3(), "x-tc-action", "A" * 100_000)

    assert [door.why(scheme, long), door.why(scheme, long)] == [None, None]

    assert all(len(what) < 200 for what in door.seen.names.values())
