"""What is sealed says nothing, and opens with its key and for its purpose only."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.seal import Seal, SealBroken

SEAL = Seal("k" * 32)


@given(text=st.text(), about=st.text(), key=st.text())
def test_what_is_sealed_is_what_opens(text: str, about: str, key: str) -> None:
    assert Seal(key).open(Seal(key).seal(text, about), about) == text


def test_nothing_of_the_text_is_to_be_seen() -> None:
    sealed = SEAL.seal("a secret", "a key")

    assert b"secret" not in base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    assert "k" * 32 not in repr(SEAL)


@pytest.mark.parametrize("about", ["", "another", "a key "])
def test_it_opens_for_nothing_else(about: str) -> None:
    with pytest.raises(SealBroken):
        SEAL.open(SEAL.seal("a secret", "a key"), about)


@pytest.mark.parametrize("key", ["", "k" * 31, "k" * 33, "K" * 32])
def test_it_opens_with_no_other_key(key: str) -> None:
    with pytest.raises(SealBroken):
        Seal(key).open(SEAL.seal("a secret", "a key"), "a key")


def test_no_character_of_it_can_be_changed() -> None:
    sealed = SEAL.seal("a secret", "a key")

    for at in range(len(sealed)):
        changed = f"{sealed[:at]}{'A' if sealed[at] != 'A' else 'B'}{sealed[at + 1 :]}"
        with pytest.raises(SealBroken):
            SEAL.open(changed, "a key")


@pytest.mark.parametrize("text", ["", "A", "AAAA", "A" * 22, "ü" * 40, "\ud800", "=" * 30, "$" * 40, "A" * 100_000])
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(SealBroken):
        SEAL.open(text, "a key")
