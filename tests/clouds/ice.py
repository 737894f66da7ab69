"""ICE as its users' programs see it: an SDK in a process of its own, and what its calls are given."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, Account, Asker

FILM = "oss://films/film.mp4"
SMALL = {"Video": {"Width": 256, "Height": 144, "Preset": "veryfast"}}
MP3 = "S00000001-300010"
LD = "S00000001-200010"


@dataclass
class Ice:
    """An SDK, at a server."""

    cloud: Cloud
    asker: Asker
    lists: bool = True
    """Whether the SDK can list media convert jobs."""

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
        return self.wait(
            "GetMediaConvertJob", {"JobId": job_id}, "Job", "State", {"Complete", "Error", "Cancelled"}, seconds
        )

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


@contextmanager
def asking(cloud: Cloud, sdk: str = "ice6", how: str = "sync", account: Account | None = None) -> Iterator[Ice]:
    """An SDK, the current one unless said otherwise; with the keys of the cloud's account, or another."""
    whose = account or cloud.account
    keys = {"KEY_ID": whose.key, "KEY_SECRET": whose.secret}
    asker = Asker(sdk, PROGRAMS / "ice.py", how, ENDPOINT=whose.endpoint, **keys)
    try:
        yield Ice(cloud, asker, lists=sdk != "ice5")
    finally:
        asker.close()


def config(
    *outputs: dict[str, Any], inputs: tuple[str, ...] = (FILM,), base: str = "oss://results/ice", **group: Any
) -> dict[str, Any]:
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


def stream(cloud: Cloud, path: str, kind: str = "video") -> dict[str, Any]:
    """What FFmpeg's prober says of the first stream of a kind."""
    return next(one for one in cloud.probe(f"results/{path}")["streams"] if one["codec_type"] == kind)


def snapshot(ice: Ice, output: str, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The job of snapshots of the film that succeeded, and where they are."""
    asked = {
        "Name": "pictures",
        "Input": {"Type": "OSS", "Media": FILM},
        "Output": {"Type": "OSS", "Media": f"oss://results/{output}"},
        "TemplateConfig": {"OverwriteParams": settings},
        "UserData": "mine",
    }
    job = ice.ask("SubmitSnapshotJob", asked)["JobId"]
    done = ice.wait("GetSnapshotJob", {"JobId": job}, "SnapshotJob", "Status", {"Success", "Fail"})
    assert "Success" == done["Status"], done
    return done, ice.ask("GetSnapshotUrls", {"JobId": job, "PageSize": 30})
