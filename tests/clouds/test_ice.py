"""Alibaba ICE: jobs through the real SDKs, and what is in the files that they make."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, Asker

WAYS = [("ice6", "sync"), ("ice6", "async"), ("ice5", "sync"), ("ice5", "async"), ("acscore", "core")]
FILM = "oss://films/film.mp4"
SMALL = {"Video": {"Width": 256, "Height": 144}}


@dataclass
class Ice:
    """An SDK, at a server."""

    cloud: Cloud
    asker: Asker

    def ask(self, call: str, asked: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """What the SDK gets."""
        said = self.asker.ask({"call": call, "with": asked or {}, **more})
        assert "got" in said, said
        return dict(said["got"])

    def refused(self, call: str, asked: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """What the SDK raises."""
        said = self.asker.ask({"call": call, "with": asked or {}, **more})
        assert "raised" in said, said
        return said

    def submit(self, config: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The job of a config."""
        return dict(self.ask("SubmitMediaConvertJob", {"Config": json.dumps(config), **more})["Job"])

    def done(self, job_id: str, seconds: float = 120) -> dict[str, Any]:
        """A job that has ended."""
        return self.wait("GetMediaConvertJob", {"JobId": job_id}, "Job", "State", {"Complete", "Error", "Cancelled"}, seconds)

    def wait(
        self, call: str, asked: dict[str, Any], part: str, field: str, ends: set[str], seconds: float = 120
    ) -> dict[str, Any]:
        """Poll for an end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.ask(call, asked)[part]
            if found[field] in ends:
                return dict(found)
            time.sleep(0.2)
        raise AssertionError(f"{call} {asked} did not end\n{self.cloud.server.logged()[-4000:]}")


@pytest.fixture(scope="module")
def ice(cloud: Cloud) -> Iterator[Ice]:
    """The current SDK."""
    yield from _started(cloud, "ice6", "sync")


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: "-".join(way))
def any_ice(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Ice]:
    """Each SDK, in each of its ways."""
    yield from _started(cloud, *request.param)


def _started(cloud: Cloud, sdk: str, how: str) -> Iterator[Ice]:
    account = cloud.account
    keys = {"ENDPOINT": account.endpoint, "KEY_ID": account.key, "KEY_SECRET": account.secret}
    asker = Asker(sdk, PROGRAMS / "ice.py", how, **keys)
    yield Ice(cloud, asker)
    asker.close()


def config(*outputs: dict[str, Any], inputs: tuple[str, ...] = (FILM,), base: str = "oss://results/ice", **group: Any) -> dict[str, Any]:
    """A job with one group of outputs, of files unless said otherwise."""
    return {
        "Inputs": [{"InputFile": {"Type": "OSS", "Media": one}} for one in inputs],
        "OutputGroups": [
            {
                "GroupConfig": {"Type": "File", "OutputFileBase": {"Type": "OSS", "Media": base}, **group},
                "Outputs": list(outputs),
            }
        ],
    }


def test_the_example_of_the_documents_works_with_every_sdk(any_ice: Ice) -> None:
    """Two system templates, addresses of the store over http, `OutputFile` as a text."""
    way = f"{id(any_ice)}"
    example = config(
        {"OutputFile": "hd.mp4", "TemplateId": "S00000001-200030"},
        {"OutputFile": "sd.mp4", "TemplateId": "S00000001-200020"},
        inputs=("http://films.oss-cn-shanghai.aliyuncs.com/film.mp4",),
        base=f"http://results.oss-cn-shanghai.aliyuncs.com/output/{way}/",
    )

    job = any_ice.submit(example, UserData='{"videoId":"abcd"}')
    done = any_ice.done(job["JobId"])

    assert "Inited" == job["State"]
    assert "Complete" == done["State"]
    assert '{"videoId":"abcd"}' == done["UserData"]
    for name, width in (("hd", "1280"), ("sd", "848")):
        streams = any_ice.cloud.probe(f"results/output/{way}/{name}.mp4")["streams"]
        assert width == str(streams[0]["width"])
        assert ["h264", "aac"] == [one["codec_name"] for one in streams]
    details = done["OutputGroupDetails"][0]
    assert "Success" == details["Status"]
    meta = details["Outputs"][0]["Result"]["OutFileMeta"]
    assert "1280" == meta["VideoStreamInfoList"][0]["Width"]
    assert "h264" == meta["VideoStreamInfoList"][0]["Codec_name"]
    assert "aac" == meta["AudioStreamInfoList"][0]["CodecName"]
    assert "44100" == meta["AudioStreamInfoList"][0]["SampleRate"]
    assert "hd.mp4" == meta["FileBasicInfo"]["FileName"]
