"""The events of all tasks as a stream."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import StateUnavailable
from framefleet_scheduler.api import pulse, watching
from framefleet_scheduler.api.guard import EVERYBODY
from framefleet_scheduler.api.server import ApiServer
from framefleet_scheduler.api.streams import Streams
from tests.api.conftest import Api
from tests.api.watching import Stream, Told, served
from tests.waiting import eventually


@pytest.fixture
def server(api: Api) -> Iterator[ApiServer]:
    with served(api.desk) as server:
        yield server


def begun(stream: Stream) -> tuple[str, Iterator[Told]]:
    """Where the stream begins, and what it tells from there on."""
    told = stream.read()
    return next(told).id, told


def names(told: Iterator[Told], number: int) -> list[tuple[str, str]]:
    """(task, event) of so many."""
    return [(json.loads(one.data)["task_id"], one.event) for one in islice(told, number)]


def test_who_follows_hears_what_happens_to_every_task(api: Api, server: ApiServer) -> None:
    api.submit()
    stream = Stream(server.port, "/v1/events", api.key(Role.VIEWER))
    _, told = begun(stream)

    first, second = api.submit()["id"], api.submit(pipeline="night")["id"]
    api.desk.control.cancel(first)

    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    assert names(told, 2) == [(first, "task.queued"), (second, "task.queued")]
    stream.close()


def test_only_what_the_caller_may_see_and_asks_for(api: Api, server: ApiServer) -> None:
    mine = Stream(server.port, "/v1/events", api.key(Role.VIEWER, ["night", "dawn"]))
    asked = Stream(server.port, "/v1/events?pipeline=dawn", api.key(Role.VIEWER))
    _, my_events = begun(mine)
    _, asked_events = begun(asked)

    api.submit()
    night, dawn = (api.submit(pipeline=name)["id"] for name in ("night", "dawn"))

    assert names(my_events, 2) == [(night, "task.queued"), (dawn, "task.queued")]
    assert names(asked_events, 1) == [(dawn, "task.queued")]
    refused = Stream(server.port, "/v1/events?pipeline=day", api.key(Role.VIEWER, ["night"]))
    assert refused.answer.status == 403
    for stream in (mine, asked, refused):
        stream.close()


def test_a_stream_that_was_cut_goes_on_where_it_was(api: Api, server: ApiServer) -> None:
    key = api.key(Role.VIEWER)
    stream = Stream(server.port, "/v1/events", key)
    place, told = begun(stream)
    first = api.submit()["id"]
    seen = next(told)
    stream.close()
    second = api.submit()["id"]

    after_seen = Stream(server.port, "/v1/events", key, last=seen.id)
    from_begin = Stream(server.port, "/v1/events", key, last=place)

    assert names(begun(after_seen)[1], 1) == [(second, "task.queued")]
    assert names(begun(from_begin)[1], 2) == [(first, "task.queued"), (second, "task.queued")]
    after_seen.close()
    from_begin.close()


def test_who_was_away_for_too_long_is_told(api: Api, server: ApiServer) -> None:
    api.submit()
    stream = Stream(server.port, "/v1/events", api.key(Role.VIEWER), last="99999999999999-0")

    gap = next(stream.read())

    assert gap.event == "gap"
    assert gap.id == api.desk.watching.before("0-0")[-1].place
    stream.close()


@pytest.mark.parametrize("last", ["x", "1-", "-1-1", "18446744073709551616-0", "1-1-1", "٣-1"])
def test_what_is_no_place_is_refused(api: Api, last: str) -> None:
    answer = api.request("GET", "/v1/events", headers={"Last-Event-ID": last.encode()})

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "Last-Event-ID")


def test_streams_are_limited_for_each_key_and_not_counted_as_requests(api: Api) -> None:
    desk = replace(api.desk, streams=Streams(most=3, most_of_a_key=2))
    with served(desk) as server:
        mine, other = api.key(Role.VIEWER), api.key(Role.VIEWER)
        first, second = (Stream(server.port, "/v1/events", mine) for _ in range(2))
        begun(first)
        begun(second)
        third = Stream(server.port, "/v1/events", mine)
        foreign = Stream(server.port, "/v1/events", other)
        begun(foreign)
        task = Stream(server.port, f"/v1/tasks/{api.submit()['id']}/events", other)

        assert third.answer.status == 429
        assert third.answer.headers["Retry-After"] == "10"
        assert task.answer.status == 429  # all together
        first.close()

        def is_free() -> bool:
            with closing(Stream(server.port, "/v1/events", mine)) as stream:
                return stream.answer.status == 200

        eventually(is_free, "a free place")
        for stream in (second, third, foreign, task):
            stream.close()


def test_streams_end_when_the_server_ends(api: Api) -> None:
    with served(api.desk) as server:
        key, task = api.key(Role.VIEWER), api.submit()["id"]
        all_tasks = Stream(server.port, "/v1/events", key)
        one_task = Stream(server.port, f"/v1/tasks/{task}/events?interval=60", key)
        told = begun(all_tasks)[1]
        records = begun(one_task)[1]

    assert list(told) == list(records) == []
    all_tasks.close()
    one_task.close()


def test_a_stream_ends_when_its_key_is_revoked_whatever_else_happens(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "KEY_SECONDS", 0.05)
    monkeypatch.setattr(api.desk.access._recent, "_seconds", 0.0)
    with served(api.desk) as server:
        followed = api.submit()["id"]
        revoked, rotated, kept = api.key(Role.VIEWER), api.key(Role.VIEWER), api.key(Role.VIEWER)
        scoped = api.key(Role.VIEWER, ["night"])
        streams = [Stream(server.port, "/v1/events", key) for key in (revoked, rotated, scoped, kept)]
        streams += [Stream(server.port, f"/v1/tasks/{followed}/events?interval=60", key) for key in (revoked, rotated)]
        told = [begun(stream)[1] for stream in streams]
        readers = [threading.Thread(target=list, args=(told[n],), daemon=True) for n in (0, 1, 2, 4, 5)]
        for reader in readers:
            reader.start()

        api.desk.access.revoke(revoked[0])
        api.desk.access.rotate(rotated[0])
        api.desk.access.revoke(scoped[0])
        first = api.submit()["id"]

        def are_over() -> bool:
            api.submit(pipeline="day")  # something happens all the while
            return not any(reader.is_alive() for reader in readers)

        eventually(are_over, "the end of the streams whose keys are good for nothing any more")
        assert names(told[3], 1) == [(first, "task.queued")]
        for stream in streams:
            stream.close()


def test_who_has_nothing_to_hear_gets_a_comment_now_and_then(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "SILENCE_SECONDS", 0.2)
    with served(api.desk) as server:
        task = api.submit()["id"]
        scoped = Stream(server.port, "/v1/events", api.key(Role.VIEWER, ["night"]))
        of_task = Stream(server.port, f"/v1/tasks/{task}/events?interval=60", api.key(Role.VIEWER))
        heard: list[bytes] = []

        def listen(stream: Stream) -> None:
            heard.append(next(line for line in stream.answer if line.startswith(b":")))

        readers = [threading.Thread(target=listen, args=(stream,), daemon=True) for stream in (scoped, of_task)]
        for reader in readers:
            reader.start()

        eventually(lambda: api.submit(pipeline="day") and len(heard) == 2, "two comments")
        assert heard == [b": still here\n"] * 2
        scoped.close()
        of_task.close()


def test_without_keys_a_stream_waits_for_its_next_comment() -> None:
    seconds = [0.0]
    beat = pulse.Pulse(None, EVERYBODY, None, lambda: seconds[0])  # type: ignore[arg-type]
    seconds[0] = 10.0

    assert not asyncio.run(beat.is_over())
    assert (beat.is_silent(), beat.left()) == (False, 5.0)
    seconds[0] = 15.0
    assert beat.is_silent()
    beat.said()
    assert beat.left() == 15.0


def test_i10_who_reads_too_slowly_is_cut_and_can_come_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = watching.Watcher(_Idle(), most=3)  # type: ignore[arg-type]
    api.desk.watching.begin(watcher)
    for _ in range(5):
        api.submit()

    eventually(lambda: watcher.lost, "too many events")

    assert len(watcher.take()) <= 3
    api.desk.watching.end(watcher)


def test_the_reader_survives_redis_and_ends_with_the_last_watcher(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.01)
    feed = _Broken(api)
    board = watching.Watching(feed)  # type: ignore[arg-type]
    watcher = watching.Watcher(_Idle())  # type: ignore[arg-type]
    board.begin(watcher)
    task = api.submit()["id"]

    heard: list[str] = []

    def is_heard() -> bool:
        heard.extend(json.loads(one.body)["task_id"] for one in watcher.take())
        return task in heard

    eventually(is_heard, "the event")
    board.end(watcher)

    assert feed.failures == 0
    eventually(lambda: not any(t.name == "watching" for t in threading.enumerate()), "the reader's end")


def test_after_a_defect_of_the_reader_who_watches_is_cut_and_comes_again(api: Api) -> None:
    feed = _Broken(api, ZeroDivisionError("a defect"))
    board = watching.Watching(feed)  # type: ignore[arg-type]
    first = watching.Watcher(_Idle())  # type: ignore[arg-type]
    board.begin(first)
    eventually(lambda: first.lost, "that something may be missing is told")
    board.end(first)
    feed.failures = 0

    second = watching.Watcher(_Idle())  # type: ignore[arg-type]
    board.begin(second)
    task = api.submit()["id"]

    eventually(lambda: task in [json.loads(one.body)["task_id"] for one in second.take()], "the event")
    board.end(second)


class _Idle:
    def wake(self) -> None: ...


class _Broken:
    """A feed that fails a few times."""

    def __init__(self, api: Api, failure: Exception | None = None) -> None:
        self._feed = api.state.feed
        self._failure = failure or StateUnavailable("Redis is away")
        self.failures = 3

    def __getattr__(self, name: str) -> object:
        return getattr(self._feed, name)

    def after(self, place: str, limit: int, wait_seconds: float = 0.0) -> object:
        if self.failures:
            self.failures -= 1
            raise self._failure
        return self._feed.after(place, limit, min(wait_seconds, 0.2))
