"""What other SDKs and versions do, and any parameter at all: signed by the published rules, found right."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framefleet_scheduler.clouds.signatures import Scheme
from framefleet_scheduler.clouds.wire import RawRequest
from tests.unit.clouds import signers
from tests.unit.clouds.signed import HARD, claimed, is_right

repeatable = settings(derandomize=True, database=None, deadline=None, max_examples=100)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
# Not the names that the schemes have themselves; none beginning with x is one of them.
names = texts.map(lambda text: f"x{text}")
parameters = st.dictionaries(names, texts, max_size=6)


def right(scheme: Scheme, request: RawRequest) -> bool:
    return is_right(request, claimed(scheme, request))


@repeatable
@given(query=parameters, form=parameters, method=st.sampled_from(["GET", "POST"]))
def test_acs3_holds_for_any_parameters(query: dict[str, str], form: dict[str, str], method: str) -> None:
    form = {f"form-{name}": value for name, value in form.items()}

    request = signers.acs3(query, form=form, method=method)

    assert right(Scheme.ACS3, request)
    assert claimed(Scheme.ACS3, request).parameters == query | form


@repeatable
@given(
    query=parameters,
    form=parameters,
    method=st.sampled_from(["GET", "POST"]),
    digest=st.sampled_from(["sha1", "sha256"]),
)
def test_rpc1_holds_for_any_parameters(query: dict[str, str], form: dict[str, str], method: str, digest: str) -> None:
    form = {f"form-{name}": value for name, value in form.items()}

    request = signers.rpc1(query, form=form, method=method, digest=digest)

    assert right(Scheme.RPC1, request)
    assert claimed(Scheme.RPC1, request).parameters.items() >= (query | form).items()


@repeatable
@given(
    some=st.dictionaries(names.map(lambda name: name.replace("_", ".")), texts, max_size=6),
    method=st.sampled_from(["GET", "POST"]),
    digest=st.sampled_from([None, "sha1", "sha256"]),
)
def test_tc1_holds_for_any_parameters(some: dict[str, str], method: str, digest: str | None) -> None:
    request = signers.tc1(some, method=method, digest=digest)

    assert right(Scheme.TC1, request)
    assert claimed(Scheme.TC1, request).parameters.items() >= some.items()


@repeatable
@given(body=st.binary(max_size=100))
def test_tc3_holds_for_any_body(body: bytes) -> None:
    assert right(Scheme.TC3, signers.tc3(body))


@pytest.mark.parametrize(
    "how",
    [
        {"signed_host": "media.example"},
        {"lower": True, "content_type": "application/json; charset=UTF-8"},
        {"lower": True, "also": ("x-tc-action",)},
        {"also": ("x-tc-action", "x-tc-timestamp")},
        {"service": "127"},
        {"service": "media.example"},
        {"path": "/cloud/"},
        {"method": "GET", "body": b"", "query": "B=2&A=%31+*:/"},
    ],
    ids=str,
)
def test_tc3_as_other_sdks_sign_it(how: dict[str, Any]) -> None:
    assert right(Scheme.TC3, signers.tc3(**how))


def test_tc3_sent_to_a_path_but_signed_without_as_the_python_sdk_does() -> None:
    request = signers.tc3()

    assert right(Scheme.TC3, RawRequest("POST", "/cloud", "", request.headers, request.body, ""))


@pytest.mark.parametrize(
    "how",
    [{"signed_host": "media.example"}, {"path": "/v2/index", "signed_path": "/v2/index"}, {"path": "/cloud"}],
    ids=str,
)
def test_tc1_as_other_sdks_sign_it(how: dict[str, Any]) -> None:
    assert right(Scheme.TC1, signers.tc1({"A": HARD}, **how))


def test_names_with_underscores_are_read_as_tc1_signs_them() -> None:
    request = signers.tc1({"A_0_B": "1"})

    assert right(Scheme.TC1, request)
    assert claimed(Scheme.TC1, request).parameters["A.0.B"] == "1"


def test_acs3_signs_several_values_of_a_header_trimmed_sorted_and_joined() -> None:
    assert right(Scheme.ACS3, signers.acs3({}, accept=("b", "a", "c")))
