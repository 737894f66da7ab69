"""Who may ask for what."""

from __future__ import annotations

import threading

import pytest

from framefleet.access import REMEMBERED_SECONDS, AccessKeys
from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidRequest
from framefleet_scheduler.api.rates import Rates
from tests.api.conftest import Api, task_request


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic Tm9Db2xvbg==",
        "Bearer abc",
        "Bearer aaaaaaaaaaaaaaaa:wrong",
        "Digest x",
        "Bearer ../../x:y",
    ],
)
def test_without_a_key_in_force_nothing_is_answered(api: Api, header: str | None) -> None:
    answer = api.client.get("/v1/tasks", headers={} if header is None else {"Authorization": header})

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_key_is_taken_as_basic_and_as_bearer(api: Api) -> None:
    key_id, secret = api.key(Role.VIEWER)

    assert api.client.get("/v1/tasks", auth=(key_id, secret)).status_code == 200
    assert api.client.get("/v1/tasks", headers={"Authorization": f"Bearer {key_id}:{secret}"}).status_code == 200
    assert api.client.get("/v1/tasks", auth=(key_id, secret + "x")).status_code == 401


def test_an_address_may_not_guess_for_ever_and_keys_that_were_seen_pass_from_there(api: Api) -> None:
    key = api.key(Role.VIEWER)
    assert api.client.get("/v1/tasks", auth=key).status_code == 200
    answers = (api.client.get("/v1/tasks", auth=(guess(n), "x")) for n in range(1000))

    refused = next(answer for answer in answers if answer.status_code == 429)

    assert refused.json()["error"]["code"] == "too_many_requests"
    assert int(refused.headers["retry-after"]) >= 1
    assert api.client.get("/v1/tasks", auth=key).status_code == 200


def guess(n: int) -> str:
    """An id that a key may have and none has."""
    return f"{'a' * 11}{n:05d}".translate(str.maketrans("0189", "bcde"))


def test_who_has_guessed_too_often_causes_no_looks_into_the_store(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(api.desk, "guesses", Rates(1.0, 5.0, now=lambda: 0.0))
    looks: list[str] = []
    latest = api.desk.access._versions.latest

    def noting(name: str) -> object:
        looks.append(name)
        return latest(name)

    monkeypatch.setattr(api.desk.access._versions, "latest", noting)

    codes = [api.client.get("/v1/tasks", auth=(guess(n), "x")).status_code for n in range(20)]

    assert codes == [401] * 5 + [429] * 15
    assert looks == [guess(n) for n in range(5)]


def test_guesses_make_no_key_forgotten(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.desk.access._absent, "_most", 3)
    monkeypatch.setattr(api.desk.access._recent, "_most", 3)
    key = api.key(Role.VIEWER)
    assert api.client.get("/v1/tasks", auth=key).status_code == 200

    for n in range(10):
        assert api.desk.access.check(guess(n), "x") is None

    assert api.desk.access.remembers(key[0])
    assert api.desk.access.remembers(guess(9)), "that there is none is remembered, too"
    assert len(api.desk.access._absent._known) <= 3


def test_a_viewer_changes_nothing(api: Api) -> None:
    task = api.submit()["id"]
    calls = [
        ("POST", "/v1/tasks", task_request()),
        ("POST", f"/v1/tasks/{task}/cancel", None),
        ("POST", f"/v1/tasks/{task}/restart", None),
        ("PATCH", f"/v1/tasks/{task}", {"priority": 1}),
    ]

    for method, path, body in calls:
        answer = api.request(method, path, Role.VIEWER, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), path

    assert api.request("GET", f"/v1/tasks/{task}", Role.VIEWER).json()["state"] == "queued"


def test_for_a_key_of_one_pipeline_the_others_do_not_exist(api: Api) -> None:
    mine, other = api.submit(pipeline="mine")["id"], api.submit(pipeline="other")["id"]
    auth = api.key(Role.PRODUCER, ["mine"])

    assert api.client.get(f"/v1/tasks/{mine}", auth=auth).status_code == 200
    assert api.client.get(f"/v1/tasks/{other}", auth=auth).json()["error"]["code"] == "task_not_found"
    assert api.client.post(f"/v1/tasks/{other}/cancel", auth=auth).status_code == 404
    assert [task["id"] for task in api.client.get("/v1/tasks", auth=auth).json()["tasks"]] == [mine]
    refused = api.client.post("/v1/tasks", json=task_request(pipeline="other"), auth=auth)
    assert (refused.status_code, refused.json()["error"]["field"]) == (403, "pipeline")


def test_a_revoked_or_renewed_key_opens_nothing(api: Api) -> None:
    revoked, renewed = api.key(Role.ADMIN), api.key(Role.ADMIN)
    api.client.get("/v1/tasks", auth=revoked)

    api.desk.access.revoke(revoked[0])
    _, fresh = api.desk.access.rotate(renewed[0])

    assert api.client.get("/v1/tasks", auth=revoked).status_code == 401
    assert api.client.get("/v1/tasks", auth=renewed).status_code == 401
    assert api.client.get("/v1/tasks", auth=(renewed[0], fresh)).status_code == 200


def test_who_asks_too_often_is_told_when_to_come_again(api: Api) -> None:
    times = iter([0.0] * 401 + [1.0])
    object.__setattr__(api.desk, "rates", Rates(200, now=lambda: next(times)))
    auth = api.key(Role.VIEWER)

    codes = [api.client.get("/v1/nothing", auth=auth).status_code for _ in range(2)]
    answers = [api.client.get("/v1/tasks?limit=1", auth=auth) for _ in range(402)]

    assert codes == [404, 404], "what does not exist costs nothing"
    assert {answer.status_code for answer in answers[:400]} == {200}
    assert (answers[400].status_code, answers[400].json()["error"]["code"]) == (429, "too_many_requests")
    assert answers[400].headers["retry-after"] == "1"
    assert answers[401].status_code == 200


def test_a_key_may_have_a_rate_of_its_own(api: Api) -> None:
    object.__setattr__(api.desk, "rates", Rates(5, now=lambda: 0.0))
    made = [api.request("POST", "/v1/keys", json={"role": "viewer", "rate": rate}).json() for rate in (None, 2, 20)]

    passed = {}
    for key in made:
        codes = [api.client.get("/v1/tasks", auth=(key["id"], key["secret"])).status_code for _ in range(50)]
        assert set(codes) == {200, 429}
        passed[key["rate"]] = codes.count(200)

    assert passed == {None: 10, 2: 4, 20: 40}
    listed = {key["id"]: key["rate"] for key in api.request("GET", "/v1/keys").json()}
    assert listed == {**listed, **{key["id"]: key["rate"] for key in made}}


@pytest.mark.parametrize("rate", [0, -1, 100_001, 1.5, True, "5"])
def test_a_rate_is_a_number_of_requests(api: Api, rate: object) -> None:
    answer = api.request("POST", "/v1/keys", json={"role": "viewer", "rate": rate})

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "rate")


def test_a_rotated_key_keeps_its_rate(api: Api) -> None:
    key, _ = api.desk.access.create(Role.VIEWER, rate=3)

    assert api.desk.access.rotate(key.id)[0].rate == 3


def test_the_store_is_asked_about_a_key_by_a_thread_and_not_again_while_it_is_remembered(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    latest = api.desk.access._versions.latest

    def noting(name: str) -> object:
        threads.append(threading.current_thread().name)
        return latest(name)

    now = [0.0]
    monkeypatch.setattr(api.desk.access._recent, "_monotonic", lambda: now[0])
    auth = api.key(Role.VIEWER)
    monkeypatch.setattr(api.desk.access._versions, "latest", noting)
    for _ in range(5):
        assert api.client.get("/v1/tasks", auth=auth).status_code == 200
    assert len(threads) == 1
    now[0] += REMEMBERED_SECONDS - 0.1  # so late that it might be forgotten while the request is looked at
    assert not api.desk.access.remembers(auth[0])
    now[0] += 1.0
    assert api.client.get("/v1/tasks", auth=auth).status_code == 200

    assert len(threads) == 2
    assert all("asyncio-portal" not in name and "AnyIO worker" in name for name in threads)


def test_the_name_of_a_key_has_a_limit_also_where_no_request_is_checked(api: Api) -> None:
    assert api.desk.access.create(Role.VIEWER, name="x" * 100)[0].name == "x" * 100
    with pytest.raises(InvalidRequest) as refused:
        api.desk.access.create(Role.VIEWER, name="x" * 101)
    assert refused.value.field == "name"


def test_a_key_for_actions_of_the_clouds_is_for_nothing_here(api: Api) -> None:
    key, secret = api.desk.access.create(Role.ADMIN, actions=["*:*"])

    answers = [api.client.get(path, auth=(key.id, secret)) for path in ("/v1/tasks", "/v1/keys")]
    login = api.client.post("/login", data={"id": key.id, "secret": secret}, follow_redirects=False)

    for answer in answers:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (403, "forbidden")
        assert error["hint"] == "Use it where their SDKs do, or a key without actions here."
    assert login.status_code == 403
    assert "set-cookie" not in login.headers
    assert api.client.get("/v1/tasks", auth=(key.id, "another")).status_code == 401


def test_a_key_signs_and_is_for_actions_as_it_was_asked(api: Api) -> None:
    wanted = {"role": "producer", "signs": True, "actions": ["imm:*", "vod:DescribeTaskDetail"]}
    answer = api.request("POST", "/v1/keys", json=wanted)

    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (made["signs"], made["actions"]) == (True, wanted["actions"])
    key = api.desk.access.in_force(made["id"])
    assert key is not None
    assert api.desk.access.secret_of(key) == made["secret"]
    rotated = api.request("POST", f"/v1/keys/{made['id']}/rotate").json()
    assert (rotated["signs"], rotated["actions"]) == (True, wanted["actions"])
    listing = api.request("GET", "/v1/keys")
    assert {k["id"]: (k["signs"], k["actions"]) for k in listing.json()} == {
        api.secrets[Role.ADMIN][0]: (False, None),
        made["id"]: (True, wanted["actions"]),
    }
    renewed = api.desk.access.in_force(made["id"])
    assert renewed is not None
    assert renewed.sealed
    shown = f"{made} {rotated} {listing.text} {api.request('GET', '/v1/audit').text}"
    assert "sealed" not in shown
    assert str(key.sealed) not in shown
    assert renewed.sealed not in shown
    assert rotated["secret"] not in listing.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signs", 1),
        ("signs", "yes"),
        ("signs", None),
        ("actions", []),
        ("actions", "imm:*"),
        ("actions", ["aws:*"]),
        ("actions", ["imm:*\n"]),
        ("actions", ["imm:*"] * 65),
        ("sealed", "x"),
    ],
)
def test_what_no_key_that_signs_can_be_is_refused(api: Api, field: str, value: object) -> None:
    answer = api.request("POST", "/v1/keys", json={"role": "viewer", field: value})

    assert answer.status_code == 400
    assert answer.json()["error"]["field"].startswith(field)
    assert len(api.desk.access.all()) == 1


def test_a_server_without_a_seal_key_makes_no_keys_that_sign(api: Api) -> None:
    signing, _ = api.desk.access.create(Role.PRODUCER, signs=True)
    object.__setattr__(api.desk, "access", AccessKeys(api.desk.store))

    answers = [
        api.request("POST", "/v1/keys", json={"role": "viewer", "signs": True}),
        api.request("POST", f"/v1/keys/{signing.id}/rotate"),
    ]

    for answer in answers:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (409, "seal_key_missing")
        assert "FRAMEFLEET_SEAL_KEY" in error["hint"]
    assert api.request("POST", "/v1/keys", json={"role": "viewer"}).status_code == 201
