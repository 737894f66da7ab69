"""Keys: what they are for, and whose secrets are known."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from framefleet.access import AccessKeys
from framefleet.domain import keys
from framefleet.domain.access import AccessKey, Role
from framefleet.domain.errors import InvalidRequest, SealKeyMissing
from framefleet.seal import Seal
from tests.fakes import MemoryStore

SEAL = Seal("the seal key of a cluster's tests")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def access(store: MemoryStore) -> AccessKeys:
    return AccessKeys(store, seal=SEAL)


def test_the_secret_of_a_key_that_signs_is_known_wherever_the_seal_key_is(
    store: MemoryStore, access: AccessKeys
) -> None:
    key, secret = access.create(Role.PRODUCER, signs=True)

    there = AccessKeys(store, seal=SEAL)
    assert there.secret_of(there.in_force(key.id) or key) == secret
    assert there.check(key.id, secret) == key


def test_that_of_another_key_is_known_to_nobody(access: AccessKeys) -> None:
    key, _ = access.create(Role.PRODUCER)

    assert not key.signs
    assert access.secret_of(key) is None


def test_the_secret_is_in_no_file_and_no_line_of_a_log(store: MemoryStore, access: AccessKeys) -> None:
    key, secret = access.create(Role.PRODUCER, signs=True)

    assert key.sealed
    assert key.sealed not in f"{key!r} {key} {access!r}"
    assert not [info.key for info in store.list("") if secret.encode() in (store.get(info.key) or b"")]


def test_a_key_that_signs_does_so_with_its_next_secret(store: MemoryStore, access: AccessKeys) -> None:
    key, secret = access.create(Role.PRODUCER, signs=True, actions=["imm:*"])

    rotated, other = access.rotate(key.id)

    assert (rotated.signs, rotated.actions) == (True, ("imm:*",))
    assert access.secret_of(rotated) == other != secret
    assert not access.rotate(access.create(Role.PRODUCER)[0].id)[0].signs


def test_a_revoked_key_is_still_one_that_signed(access: AccessKeys) -> None:
    key, secret = access.create(Role.PRODUCER, signs=True)

    assert access.secret_of(access.revoke(key.id)) == secret
    assert access.in_force(key.id) is None


def test_no_sealed_secret_can_be_put_in_another_s_place(access: AccessKeys) -> None:
    mine, _ = access.create(Role.PRODUCER, signs=True)
    other, _ = access.create(Role.ADMIN, signs=True)

    for forged in (
        other.model_copy(update={"sealed": mine.sealed}),
        access.rotate(other.id)[0].model_copy(update={"sealed": other.sealed}),
    ):
        with pytest.raises(SealKeyMissing):
            access.secret_of(forged)


def test_without_the_seal_key_keys_do_not_sign(store: MemoryStore, access: AccessKeys) -> None:
    key, secret = access.create(Role.PRODUCER, signs=True)

    for without in (AccessKeys(store), AccessKeys(store, seal=Seal("another"))):
        with pytest.raises(SealKeyMissing) as refused:
            without.secret_of(key)
        assert (refused.value.code, refused.value.status) == ("seal_key_missing", 409)
        assert "FRAMEFLEET_SEAL_KEY" in str(refused.value.hint_text)
        assert without.check(key.id, secret) == key
    bare = AccessKeys(store)
    with pytest.raises(SealKeyMissing):
        bare.create(Role.PRODUCER, signs=True)
    with pytest.raises(SealKeyMissing):
        bare.rotate(key.id)
    assert bare.all() == [key]


def test_other_secrets_are_sealed_for_what_they_are(store: MemoryStore, access: AccessKeys) -> None:
    sealed = access.sealed("Secret1", "callback of a")

    assert "Secret1" not in sealed
    assert "Secret1" == access.opened(sealed, "callback of a")
    with pytest.raises(SealKeyMissing):
        access.opened(sealed, "callback of b")
    with pytest.raises(SealKeyMissing):
        AccessKeys(store).sealed("Secret1", "callback of a")


def test_a_lost_seal_key_is_replaced_by_rotating(store: MemoryStore, access: AccessKeys) -> None:
    key, _ = access.create(Role.PRODUCER, signs=True)
    new = AccessKeys(store, seal=Seal("another"))

    rotated, secret = new.rotate(key.id)

    assert new.secret_of(rotated) == secret


def test_keys_of_earlier_versions_do_not_sign_and_may_do_everything(store: MemoryStore, access: AccessKeys) -> None:
    key, secret = access.create(Role.ADMIN)
    written = json.loads(key.model_dump_json(exclude={"sealed", "actions"}))
    old = MemoryStore()
    old.create(f"{keys.ACCESS}{key.id}/000001.json", json.dumps(written).encode())

    found = AccessKeys(old).check(key.id, secret)

    assert found is not None
    assert (found.signs, found.actions, found.may("imm:CreateMediaConvertTask")) == (False, None, True)


@pytest.mark.parametrize(
    ("actions", "action", "may"),
    [
        (None, "vod:DeleteMedia", True),
        (["imm:*"], "imm:CreateMediaConvertTask", True),
        (["imm:*"], "ice:SubmitTranscodeJob", False),
        (["imm:*"], "simm:CreateMediaConvertTask", False),
        (["vod:DescribeTaskDetail"], "vod:DescribeTaskDetail", True),
        (["vod:DescribeTaskDetail"], "vod:DescribeTaskDetails", False),
        (["vod:DescribeTaskDetail"], "vod:describetaskdetail", False),
        (["mps:Describe*"], "mps:DescribeTaskDetail", True),
        (["mps:Describe*"], "mps:ProcessMedia", False),
        (["*:Describe*", "vod:ProcessMedia"], "vod:ProcessMedia", True),
        (["*:Describe*", "vod:ProcessMedia"], "mps:DescribeTasks", True),
        (["*:*"], "visionular:CreateTask", True),
    ],
)
def test_a_key_is_for_the_actions_it_names(
    access: AccessKeys, actions: list[str] | None, action: str, may: bool
) -> None:
    assert access.create(Role.PRODUCER, actions=actions)[0].may(action) is may


@pytest.mark.parametrize(
    "actions",
    [[], ["imm"], ["imm:"], [":Create"], ["IMM:*"], ["aws:*"], ["imm:Create?"], ["imm:[a-z]"], ["imm:a b"], ["imm:*\n"],
     ["imm:*", ""], ["imm:" + "a" * 101], ["imm:*"] * 65],
)  # fmt: skip
def test_what_no_key_can_be_for_is_refused(access: AccessKeys, actions: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        access.create(Role.PRODUCER, actions=actions)
    assert refused.value.field == "actions"
    assert access.all() == []


def test_many_stars_cost_nothing() -> None:
    key = AccessKey(
        id="a" * 16, role=Role.VIEWER, secret_sha256="", created_at=datetime(2026, 1, 2, tzinfo=UTC), actions=("imm:" + "*a" * 50,) * 64
    )  # fmt: skip

    assert not key.may("imm:" + "a" * 5000 + "b")
