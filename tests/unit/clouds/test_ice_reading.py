"""Who finds which of ICE's jobs, and for how long; parameters that are none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from framefleet.domain.access import Role
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.api.guard import Caller
from framefleet_scheduler.clouds.alibaba.ice import submitting
from framefleet_scheduler.clouds.alibaba.ice.kept import CreatePipeline, SetEventCallback
from framefleet_scheduler.clouds.alibaba.ice.reading import Asked, found, page, taken
from framefleet_scheduler.clouds.alibaba.ice.settings import Made
from framefleet_scheduler.clouds.alibaba.ice.transcode import Locked
from framefleet_scheduler.clouds.alibaba.ice.transcode_jobs import locked, without_keys
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.clouds.origin import Origin

NOW = datetime(2026, 1, 10, tzinfo=UTC)
JOB = "ab" * 16


class Jobs:
    """An engine that has one job."""

    def __init__(self, scope: str, age: timedelta) -> None:
        created = NOW - age
        origin = Origin(
            door="ice", id=JOB, tenant="default", scope=scope, key="k", action="", created_at=created, request={}
        )
        record = TaskRecord(id="k1", state=TaskState.QUEUED, pipeline="default", priority=5, created_at=created)
        self.known = Known(origin, record)

    def find(self, door: str, _call: Call, vendor_id: str) -> Known | None:
        return self.known if (door, vendor_id) == ("ice", JOB) else None


def call(action: str = "GetMediaConvertJob", pipelines: tuple[str, ...] | None = None, **parameters: Any) -> Call:
    return Call(Caller("k", Role.PRODUCER, pipelines), action, parameters, "R", NOW)


def looked(jobs: Jobs, job_id: str | None, scope: str) -> Known:
    return found(cast(Engine, jobs), call(), job_id, scope)


def test_a_job_is_found_for_seven_days_by_the_calls_of_its_kind() -> None:
    assert JOB == looked(Jobs("convert", timedelta(days=7)), JOB, "convert").origin.id
    asked = Asked(JOB, None, None, None, None, None, None)
    for jobs, job, scope in (
        (Jobs("convert", timedelta(days=7, seconds=1)), JOB, "convert"),
        (Jobs("convert", timedelta()), JOB, "snapshot"),
        (Jobs("convert", timedelta()), "cd" * 16, "convert"),
        (Jobs("convert", timedelta()), "../" + "a" * 29, "convert"),
        (Jobs("convert", timedelta()), "x" * 100_000, "convert"),
    ):
        with pytest.raises(Refusal) as caught:
            looked(jobs, job, scope)
        assert ("InvalidParameter.ResourceNotFound", 404) == (caught.value.code, caught.value.status)
        assert len(caught.value.message) < 400
        if job == JOB:
            assert ([], None) == page(cast(Engine, jobs), call(), scope, asked, {})
    with pytest.raises(Refusal) as caught:
        looked(Jobs("convert", timedelta()), None, "convert")
    assert "InvalidParameter.NullValue" == caught.value.code


def test_the_id_of_a_token_is_its_own_for_each_operation_and_tenant() -> None:
    same = submitting.job_id(call("SubmitMediaConvertJob"), "token")

    assert same == submitting.job_id(call("SubmitMediaConvertJob", pipelines=("default",)), "token")
    others = {
        submitting.job_id(call("SubmitTranscodeJob"), "token"),
        submitting.job_id(call("SubmitMediaConvertJob", pipelines=("other",)), "token"),
        submitting.job_id(call("SubmitMediaConvertJob"), "token 2"),
        submitting.job_id(call("SubmitMediaConvertJob"), None),
        submitting.job_id(call("SubmitMediaConvertJob"), None),
    }
    assert 5 == len(others - {same})
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in {same, *others})


def test_parameters_that_are_none_are_refused_by_name() -> None:
    with pytest.raises(Refusal, match="Priority") as caught:
        taken(call(Priority="high"), CreatePipeline)
    assert "InvalidParameter" == caught.value.code
    with pytest.raises(Refusal, match="CallbackQueueName") as caught:
        taken(call(CallbackQueueName="ice-callback-x"), SetEventCallback)
    assert "InvalidParameter.NotSupported" == caught.value.code
    assert taken(call(Unknown="x", Name=""), CreatePipeline).Name is None


def test_keys_of_streams_are_taken_from_base64_and_kept_nowhere_else() -> None:
    made = Made("ladder", "m3u8", {}, None, 10, False)
    asked = Locked.model_validate(
        {"KeyServiceType": "Base64", "CipherText": "AAECAwQFBgcICQoLDA0ODw==", "DecryptKeyUri": "https://k/"}
    )
    output = {
        "Output": {},
        "ProcessConfig": {"Encryption": {"CipherText": "AAECAwQFBgcICQoLDA0ODw==", "KeyServiceType": "Base64"}},
    }

    assert {"key": "000102030405060708090a0b0c0d0e0f", "key_uri": "https://k/"} == locked(asked, made, "E")
    stripped = without_keys({"Name": "n", "OutputGroup": json.dumps([output, {}, {"ProcessConfig": {}}])})
    assert "AAEC" not in json.dumps(stripped)
    assert {"KeyServiceType": "Base64"} == json.loads(stripped["OutputGroup"])[0]["ProcessConfig"]["Encryption"]
    for bad, code in (
        ({"CipherText": "AAEC"}, "InvalidParameter"),
        ({"CipherText": "?"}, "InvalidParameter"),
        ({"CipherText": ""}, "InvalidParameter.NullValue"),
        ({"KeyServiceType": "KMS"}, "InvalidParameter.NotSupported"),
        ({"EncryptType": "PrivateEncryption"}, "InvalidParameter.NotSupported"),
    ):
        with pytest.raises(Refusal) as caught:
            locked(Locked.model_validate(asked.model_dump() | bad), made, "E")
        assert code == caught.value.code
    with pytest.raises(Refusal):
        locked(asked, Made("file", "mp4", {}, None, 10, False), "E")
