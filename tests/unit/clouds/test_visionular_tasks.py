"""Visionular's tasks: what they become, what is answered of them, and which code a failure has."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import ErrorInfo, FramefleetError, RequestError, SourceError, TargetNotWritable
from framefleet.domain.records import PublishedFile, TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.webhook import Hook
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.clouds.origin import Origin
from framefleet_scheduler.clouds.visionular import DOCUMENTED, answers, operations
from framefleet_scheduler.clouds.visionular.front import OPERATIONS, refused
from framefleet_scheduler.clouds.visionular.operations import BAD_PARAM, EMPTY_RESULT
from framefleet_scheduler.clouds.visionular.requests import ListTasks
from framefleet_scheduler.clouds.visionular.telling import told
from tests import factories
from tests.factories import NOW
from tests.unit.clouds.desks import Around

SECRET = "TOP SECRET"


class Shop:
    """A tenant with a storage."""

    def __init__(self, **of_storage: str) -> None:
        self.around = Around()
        self.engine = Engine(self.around.desk)
        place: dict[str, Any] = {
            "bucket": "results",
            "prefix": "/out/",
            "region": "cn",
            "storage_sk": SECRET,
            **of_storage,
        }
        self.storage = operations.add_storage(self.engine, self.around.call("add_storage", **place))["storage_id"]

    def create(self, **changes: Any) -> str:
        asked = {"template_name": "System_MP4_H264", "input": "oss://films/a.mp4", "output": "b/c.mp4"}
        call = self.around.call(**{**asked, "storage_id": self.storage, **changes})
        return str(operations.create_task(self.engine, call)["task_id"])

    def refused(self, **changes: Any) -> tuple[int, str]:
        """Code and message."""
        with pytest.raises(Refusal) as refusal:
            self.create(**changes)
        return int(refusal.value.code), refusal.value.message

    def made(self) -> dict[str, Any]:
        """The request of the task."""
        (one,) = self.around.state.live.values()
        return one.task.request.model_dump(exclude_defaults=True)

    def template(self, **fields: Any) -> None:
        operations.add_template(self.engine, self.around.call("add_template", template_name="mine", **fields))


# --- what they become -------------------------------------------------------------------------


def test_a_task_is_a_film_in_the_storage() -> None:
    shop = Shop()

    task_id = shop.create(custom_info="é" * 1024)

    made = shop.made()
    assert len(task_id) == 32
    assert made["name"] == "c.mp4"
    assert made["sources"] == ({"uri": "storage://films/a.mp4"},)
    assert made["targets"] == ({"name": "film", "template": "mp4-h264-1080p", "uri": "storage://results/out/b/c.mp4"},)
    assert made["user_data"] == "é" * 1024
    assert "notification" not in made


@pytest.mark.parametrize(
    ("template", "output", "key"),
    [
        ("System_MP4_H264", "film", "out/film.mp4"),
        ("System_DASH_MP4_H264", "a/film", "out/a/film.mpd"),
        ("System_HLS_TS_H264", "film", "out/film.m3u8"),
        ("System_MP4_H264", "/film.v2", "out/film.v2"),
        ("hls-h264", "film", "out/film.m3u8"),
        ("remux-mp4", "film", "out/film.mp4"),
    ],
)
def test_an_output_without_an_ending_gets_the_format_s(template: str, output: str, key: str) -> None:
    shop = Shop()

    shop.create(template_name=template, output=output)

    assert shop.made()["targets"][0]["uri"] == f"storage://results/{key}"


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("in/a.mp4", "storage://results/in/a.mp4"),
        ("/in/a.mp4", "storage://results/in/a.mp4"),
        ("https://films.oss-cn-beijing.aliyuncs.com/a.mp4", "storage://films/a.mp4"),
        ("https://example.org/a.mp4?x=1", "https://example.org/a.mp4?x=1"),
        ("oss://else/a.mp4", "s3://else/a.mp4"),
    ],
)
def test_an_input_is_an_address_or_a_path_in_the_bucket(text: str, uri: str) -> None:
    shop = Shop()

    shop.create(input=text)

    assert shop.made()["sources"] == ({"uri": uri},)


def test_pictures_of_a_template_lie_beside_the_film_and_its_logo_in_the_bucket() -> None:
    shop = Shop()
    shop.template(thumbnail={"number": 2}, logo_path="logos/a.png")

    shop.create(template_name="mine", output="b/film.v2.mp4")

    film, pictures = shop.made()["targets"]
    assert film["overrides"]["video"]["watermarks"][0]["uri"] == "storage://results/logos/a.png"
    assert pictures["uri"] == "storage://results/out/b/film.v2_thumb_{index:04d}.jpg"
    assert pictures["overrides"] == {"kind": "snapshot", "format": "jpg", "count": 2}


def test_secrets_of_a_storage_and_a_template_are_in_no_origin_task_or_answer() -> None:
    shop = Shop(notify="https://example.org/hook?token=TOP%20SECRET")
    shop.template(format="hls", encryption={"key": "ab" * 16})
    task_id = shop.create(template_name="mine")

    kept = {key: body.decode() for key, body in shop.around.store.objects.items()}
    assert not [key for key, body in kept.items() if SECRET in body]
    assert {key.split("/")[2] for key, body in kept.items() if "ab" * 16 in body and "clouds/" in key} == {"templates"}
    assert ["webhook" in key or "storages" in key for key, body in kept.items() if "TOP%20" in body] == [True, True]
    call = shop.around.call
    shown = operations.query_task(shop.engine, call(task_id=task_id))
    listed = operations.list_template(shop.engine, call())
    assert "ab" * 16 not in json.dumps([shown, listed])
    assert shop.made()["notification"] == {"webhook": {"url": "https://example.org/hook?..."}}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"template_name": "nobody"}, BAD_PARAM, "template_name: there is no template nobody"),
        ({"storage_id": "0" * 16}, EMPTY_RESULT, "storage"),
        ({"storage_id": None}, BAD_PARAM, "storage_id: Field required"),
        ({"input": ""}, BAD_PARAM, "input"),
        ({"input": "gopher://x/y"}, BAD_PARAM, "input: gopher://"),
        ({"output": "a{index}.mp4"}, BAD_PARAM, "output"),
        ({"output": "a\nb.mp4"}, BAD_PARAM, "output"),
        ({"output": "/"}, BAD_PARAM, "output"),
        ({"extra_options": {"a": 1}}, BAD_PARAM, "extra_options is not supported"),
        ({"custom_info": "x" * 2049}, BAD_PARAM, "custom_info"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(changes: dict[str, Any], code: int, words: str) -> None:
    shop = Shop(prefix="")
    found, message = shop.refused(**changes)

    assert found == code
    assert words in message
    assert not shop.around.state.live


def test_what_is_empty_is_not_there() -> None:
    Shop().create(extra_options={}, custom_info="")
    Shop().create(extra_options=None, custom_info=None)


def test_changes_are_noted_for_the_audit_log() -> None:
    shop = Shop()
    shop.template()
    task_id = shop.create()
    call = shop.around.call
    operations.update_template(shop.engine, call(template_name="mine", quality=20))
    operations.del_template(shop.engine, call(template_name="mine"))
    operations.del_storage(shop.engine, call(storage_id=shop.storage))

    assert task_id
    assert [what for what, _ in shop.around.noted] == [
        "cloud_storage.create",
        "cloud_template.create",
        "task.create",
        "cloud_template.change",
        "cloud_template.delete",
        "cloud_storage.delete",
    ]


# --- times in a listing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (1_700_000_000, 1_700_000_000),
        ("1700000000", 1_700_000_000),
        (1_700_000_000_123, 1_700_000_000),
        ("1700000000999", 1_700_000_000),
        (0, None),
        ("0", None),
        ("", None),
        (100_000_000_000, 100_000_000_000),
        (100_000_000_001, 100_000_000),
    ],
)
def test_times_are_seconds_or_milliseconds(sent: Any, seconds: int | None) -> None:
    asked = ListTasks.model_validate({"start_time": sent, "end_time": sent})

    assert (asked.start_time, asked.end_time) == (seconds, seconds)


@pytest.mark.parametrize(
    "parameters",
    [
        {"start_time": -1},
        {"start_time": 10**30},
        {"start_time": "1" * 5000},
        {"end_time": "²"},
        {"count": 201},
        {"count": "-1"},
        {"start_num": 10_001},
        {"status": "done"},
    ],
)
def test_a_listing_that_cannot_be_is_refused(parameters: dict[str, Any]) -> None:
    shop = Shop()

    with pytest.raises(Refusal) as refusal:
        operations.list_task(shop.engine, shop.around.call("list_task", **parameters))

    assert int(refusal.value.code) == BAD_PARAM
    assert refusal.value.message.startswith(next(iter(parameters)))


# --- what is answered -------------------------------------------------------------------------


def origin(**notes: str) -> Origin:
    asked = {
        "input": "oss://films/a.mp4",
        "output": "b",
        "template_name": "mine",
        "storage_id": "0" * 16,
        "custom_info": "x",
    }
    return Origin(
        door="visionular",
        id="v1",
        tenant="default",
        key="k",
        action="create_task",
        created_at=NOW,
        request=asked,
        notes={"region": "cn", "format": "hls", "encrypted": "AES-128", **notes},
    )


def record(state: TaskState, **more: Any) -> TaskRecord:
    return TaskRecord(id="t", state=state, pipeline="default", priority=5, created_at=NOW, **more)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TaskState.QUEUED, "pending"),
        (TaskState.RUNNING, "running"),
        (TaskState.SUCCEEDED, "succeeded"),
        (TaskState.FAILED, "failed"),
        (TaskState.CANCELED, "failed"),
    ],
)
def test_states_are_their_words_and_can_be_looked_for_by_them(state: TaskState, status: str) -> None:
    assert answers.task(origin(), record(state), None)["status"] == status
    assert state in answers.OF_STATUS[status]
    assert set(answers.STATES) == set(TaskState) == {one for some in answers.OF_STATUS.values() for one in some}


def test_times_are_seconds_since_1970_and_0_for_what_has_not_been() -> None:
    begun, ended = NOW + timedelta(seconds=2), NOW + timedelta(seconds=9.9)

    shown = answers.task(origin(), record(TaskState.SUCCEEDED, started_at=begun, finished_at=ended), None)

    at = int(NOW.timestamp())
    assert (shown["created_time"], shown["started_time"], shown["finished_time"]) == (at, at + 2, at + 9)
    assert shown["spend_time"] == 7
    waiting = answers.task(origin(), record(TaskState.QUEUED), None)
    assert (waiting["started_time"], waiting["finished_time"], waiting["spend_time"]) == (0, 0, 0)
    assert datetime.fromtimestamp(shown["created_time"], UTC) == NOW


@pytest.mark.parametrize(
    ("state", "progress", "shown"),
    [
        (TaskState.RUNNING, 0.5, 50),
        (TaskState.RUNNING, 1.0, 99),
        (TaskState.SUCCEEDED, 1.0, 100),
        (TaskState.QUEUED, 0.0, 0),
    ],
)
def test_progress_is_whole_only_at_the_end(state: TaskState, progress: float, shown: int) -> None:
    assert answers.task(origin(), record(state, progress=progress), None)["progress"] == shown


def test_an_object_says_what_the_source_is_and_what_was_made() -> None:
    files = (
        PublishedFile(uri="s3://o/a.m3u8", bytes=10, sha256="", kind="manifest"),
        PublishedFile(uri="s3://o/1.ts", bytes=100, sha256="", kind="segment"),
    )
    media = {
        "video": [{"codec": "avc1.64001e", "width": 640, "height": 360, "average_rate": "30000/1001"}],
        "audio": [{"codec": "mp4a.40.2", "sample_rate": 48000}],
        "bitrate": 900_000,
    }
    film = TargetRecord(
        name="film", template=None, uri="s3://o/a.m3u8", state=TaskState.SUCCEEDED, files=files, media=media
    )

    shown = answers.task(
        origin(), record(TaskState.SUCCEEDED, targets=(film,)), factories.media(width=1280, height=720)
    )

    assert {name: value for name, value in shown.items() if name.startswith("output_")} == {
        "output_size": 110,
        "output_media_size": 100,
        "output_resolution": "640x360",
        "output_framerate": 29.97,
        "output_bitrate": 900_000,
        "output_video_codec": "h264",
        "output_audio_codec": "aac",
        "output_audio_samplerate": 48000,
    }
    assert (shown["source_resolution"], shown["ratio"], shown["source_framerate"]) == ("1280x720", "16:9", 25)
    assert (shown["format"], shown["encrypt_info"], shown["region"], shown["custom_info"]) == (
        "hls",
        "AES-128",
        "cn",
        "x",
    )
    json.dumps(shown)


def test_what_is_not_known_of_a_film_leaves_gaps_and_breaks_nothing() -> None:
    film = TargetRecord(name="film", template=None, uri="s3://o/a", state=TaskState.SUCCEEDED)

    shown = answers.task(origin(), record(TaskState.SUCCEEDED, targets=(film,)), factories.media(video=False))

    assert (shown["output_resolution"], shown["output_framerate"], shown["output_bitrate"]) == ("", 0.0, 0)
    assert (shown["source_resolution"], shown["source_framerate"], shown["ratio"]) == ("", 0, "")


def leaves(kind: type[FramefleetError]) -> list[type[FramefleetError]]:
    ours = [below for below in kind.__subclasses__() if below.__module__ == kind.__module__]  # not those of clients
    found = [leaf for below in ours for leaf in leaves(below)]
    return found or [kind]


@pytest.mark.parametrize("error", leaves(SourceError), ids=lambda error: error.code)
def test_every_fault_of_a_source_is_the_user_s_and_none_is_ours(error: type[FramefleetError]) -> None:
    failed = record(TaskState.FAILED, error=error("because").info())

    shown = answers.task(origin(), failed, None)

    assert shown["code"] in {2, 3, 4}
    assert shown["message"] == "because"


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("source_not_found", 2),
        ("source_forbidden", 2),
        ("source_not_media", 3),
        ("source_no_video", 3),
        ("source_too_long", 4),
        ("invalid_template", 4),
        (TargetNotWritable.code, 5),
        ("ffmpeg_failed", 9),
        ("a code of the next version", 9),
    ],
)
def test_a_failure_has_a_code_by_whose_fault_it_is(code: str, shown: int) -> None:
    error = ErrorInfo(code=code, message="because")
    film = TargetRecord(name="film", template=None, uri="s3://o/a", state=TaskState.FAILED, error=error)

    for failed in (record(TaskState.FAILED, error=error), record(TaskState.FAILED, targets=(film,))):
        found = answers.task(origin(), failed, None)
        assert (found["code"], found["message"], found["status"]) == (shown, "because", "failed")


def test_a_task_that_was_canceled_has_failed_and_one_that_goes_on_has_no_code() -> None:
    canceled = answers.task(origin(), record(TaskState.CANCELED), None)
    assert (canceled["status"], canceled["code"], canceled["message"]) == ("failed", 6, "the task was canceled")
    assert answers.task(origin(), record(TaskState.RUNNING), None)["code"] == 0
    assert answers.task(origin(), record(TaskState.FAILED), None)["code"] == 9


def test_what_is_told_is_the_task_as_it_is_answered() -> None:
    shop = Shop()
    task_id = shop.create()
    known = shop.engine.find("visionular", shop.around.call(), task_id)
    assert known is not None
    failed = Known(known.origin, known.record.model_copy(update={"state": TaskState.FAILED}))

    said = told(shop.engine, failed, "task.failed", Hook(url="https://example.org"))

    assert said is not None
    assert (said.url, said.key, dict(said.headers)) == (None, None, {})
    assert json.loads(said.body) == operations.shown(shop.engine, failed)
    assert json.loads(said.body)["task_id"] == task_id


def test_an_origin_has_no_more_than_the_documented_parameters() -> None:
    shop = Shop()
    shop.create(custom_info="x", secret=SECRET)

    (key,) = [key for key in shop.around.store.objects if key in {keys.origin(one) for one in shop.around.state.live}]
    kept = Origin.model_validate_json(shop.around.store.objects[key])
    assert set(kept.request) == {"template_name", "input", "output", "storage_id", "custom_info"}


def test_the_documented_operations_are_all_that_take_something() -> None:
    assert set(DOCUMENTED) <= {action for _, action in OPERATIONS}
    assert {action for _, action in OPERATIONS} - set(DOCUMENTED) == {
        "list_template",
        "update_template",
        "del_template",
        "list_storage",
    }


def test_every_refusal_of_ours_is_one_of_theirs() -> None:
    for error in (*leaves(RequestError), *leaves(SourceError), TargetNotWritable):
        said = refused(error("because", field="sources[0].uri"))
        assert (int(said.code), said.status) in {(40000, 400), (40100, 401), (40400, 404)}, error
        assert said.message.endswith("because")
    assert int(refused(FramefleetError("because")).code) == 50000
