"""Alibaba ICE tells the end of a job to the address of the account's callback, or of the job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.ice import MP3, Ice, asking, config, snapshot
from tests.services.receiver import Receiver
from tests.waiting import eventually


@pytest.fixture(scope="module")
def ice(cloud: Cloud) -> Iterator[Ice]:
    """The current SDK."""
    with asking(cloud) as found:
        yield found


def test_the_end_of_a_job_is_told_signed_to_the_callback(ice: Ice) -> None:
    with Receiver() as receiver:
        address = f"{receiver.url}/ice"
        asked = {
            "CallbackType": "HTTP",
            "CallbackURL": address,
            "AuthSwitch": "on",
            "AuthKey": "Secret1",
            "EventTypeList": "",
        }
        assert ice.ask("SetEventCallback", asked)["Success"]
        assert ("Secret1", "on", address) == tuple(
            ice.ask("GetEventCallback")[name] for name in ("AuthKey", "AuthSwitch", "CallbackURL")
        )

        job = ice.submit(config({"OutputFileName": "told.mp3", "TemplateId": MP3, "Name": "told"}), UserData="mine")[
            "JobId"
        ]
        ice.done(job)
        eventually(lambda: len(receiver.calls) >= 3, "3 calls")

        assert ["MediaConvertOutputComplete", "MediaConvertOutputGroupComplete", "MediaConvertComplete"] == [
            call.event["EventType"] for call in receiver.calls
        ]
        for call in receiver.calls:
            stamp = call.headers["x-ice-timestamp"]
            assert hashlib.md5(f"{address}|{stamp}|Secret1".encode()).hexdigest() == call.headers["x-ice-signature"]
            assert job == call.event["MessageBody"]["JobId"]
        last = receiver.calls[-1].event["MessageBody"]
        assert ("Complete", "mine") == (last["Status"], last["UserData"])

        receiver.calls.clear()
        ice.ask("SetEventCallback", {**asked, "AuthSwitch": "off", "EventTypeList": "SnapshotComplete"})
        own = json.dumps({"NotifyAddress": f"{receiver.url}/own"})
        untold = ice.submit(config({"OutputFileName": "untold.mp3", "TemplateId": MP3}))["JobId"]
        ice.done(untold)
        snapshot(ice, "told.jpg", Time=1000)
        ice.done(ice.submit(config({"OutputFileName": "own.mp3", "TemplateId": MP3}), UserData=own)["JobId"])
        eventually(lambda: len(receiver.calls) >= 4, "4 calls")

        told = [(call.path, call.event["EventType"]) for call in receiver.calls]
        assert ("/ice", "SnapshotComplete") in told
        assert ("/own", "MediaConvertComplete") in told
        assert untold not in {call.event["MessageBody"]["JobId"] for call in receiver.calls}
        assert "x-ice-signature" not in receiver.calls[0].headers
    for bad, code in (
        ({"CallbackType": "MNS", "CallbackQueueName": "ice-callback-x"}, "InvalidParameter.NotSupported"),
        ({"CallbackType": "HTTP", "CallbackURL": "ftp://a"}, "InvalidParameter"),
        (
            {"CallbackType": "HTTP", "CallbackURL": "http://a/", "AuthSwitch": "on", "AuthKey": "weak"},
            "InvalidParameter",
        ),
        ({"CallbackType": "HTTP", "CallbackURL": "http://a/" + "x" * 256}, "InvalidParameter.OutOfRange"),
    ):
        assert code == ice.refused("SetEventCallback", bad)["code"]
