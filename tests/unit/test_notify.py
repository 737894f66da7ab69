"""Deliveries under a clock of our own: when they are tried, when they are given up, and what the store knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.delivery import DeliveryRecord, DeliveryState, Letter, Try
from framefleet.domain.errors import DeliveryNotFound, StoreUnavailable
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import Task, hook_of, parse_request
from framefleet.domain.webhook import Hook, is_signed
from framefleet.ports import OutgoingDelivery, Place
from framefleet_scheduler.inventory import tasks_in
from framefleet_scheduler.letters import Letters
from framefleet_scheduler.notify import Notifier, Said, Webhooks
from tests import factories
from tests.fakes import FakeClock, MemoryStore

SECRET = "s3cret of the task"


@dataclass
class Receiver:
    """What answers `statuses`, one after the other, the last for ever; None: nothing."""

    clock: FakeClock
    statuses: list[int | None]
    calls: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Try:
        self.calls.append((url, body, dict(headers)))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        error = "no answer in time" if status is None else None
        return Try(at=self.clock.now(), status=status, error=error, answer="said")


class Waiting:
    """Deliveries in a dictionary."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.letters: dict[str, Letter] = {}
        self.due: dict[str, float] = {}
        self.since: dict[str, float] = {}
        self.outcomes: list[str] = []

    def enter(self, letter: Letter) -> bool:
        if letter.record.id in self.letters:
            return False
        self.letters[letter.record.id] = letter
        age = max((self.clock.now() - letter.record.created_at).total_seconds(), 0.0)
        self.since[letter.record.id] = self.clock.seconds - (0.0 if letter.record.replayed else age)
        if letter.record.state is DeliveryState.WAITING:
            self.due[letter.record.id] = self.clock.seconds
        return True

    def take(self, limit: int, most_of_a_host: int, others: Mapping[str, int]) -> list[OutgoingDelivery]:
        found = [self.letters[i] for i, due in self.due.items() if due <= self.clock.seconds][:limit]
        return [
            OutgoingDelivery(
                id=letter.record.id,
                task_id=letter.record.task_id,
                run=letter.record.run,
                event=letter.record.event,
                pipeline="default",
                name=letter.name,
                url=letter.record.url,
                host=letter.record.host,
                tries=letter.record.tries,
                age_seconds=self.clock.seconds - self.since[letter.record.id],
                replayed=letter.record.replayed,
                body=letter.body,
            )
            for letter in found
        ]

    def settle(self, delivery_id: str, outcome: str, tried: Try, delay_seconds: float = 0.0) -> bool:
        self.outcomes.append(outcome)
        letter = self.letters[delivery_id]
        update = {"tries": letter.record.tries + 1, "attempts": (*letter.record.attempts, tried)}
        self.letters[delivery_id] = letter.model_copy(update={"record": letter.record.model_copy(update=update)})
        if outcome == "retry":
            self.due[delivery_id] = self.clock.seconds + delay_seconds
        else:
            del self.due[delivery_id]
        return True

    def replay(self, delivery_id: str) -> bool:
        self.due[delivery_id] = self.since[delivery_id] = self.clock.seconds
        letter = self.letters[delivery_id]
        update = {"tries": 0, "replayed": True}
        self.letters[delivery_id] = letter.model_copy(update={"record": letter.record.model_copy(update=update)})
        return True

    def forget(self, delivery_id: str) -> bool:
        self.due.pop(delivery_id, None)
        return self.letters.pop(delivery_id, None) is not None

    def letter(self, delivery_id: str) -> Letter | None:
        return self.letters.get(delivery_id)

    def page(self, state: DeliveryState, limit: int, after: Place | None) -> tuple[list[DeliveryRecord], Place | None]:
        assert after is None, "few enough for one page"
        return [one for one in self._newest_first() if one.state is state][:limit], None

    def of_task(self, task_id: str) -> list[DeliveryRecord]:
        return [one for one in self._newest_first() if one.task_id == task_id]

    def _newest_first(self) -> list[DeliveryRecord]:
        return sorted((one.record for one in self.letters.values()), key=lambda one: one.created_at, reverse=True)


class Desk:
    """A notifier and what is around it."""

    def __init__(self, *statuses: int | None, secret: str = "") -> None:
        self.clock = FakeClock()
        self.secret = secret
        self.store = MemoryStore(self.clock)
        self.waiting = Waiting(self.clock)
        self.receiver = Receiver(self.clock, list(statuses))
        self.letters = Letters(self.store, self.waiting, self.clock)
        webhooks = Webhooks(self.waiting, self.receiver, secret)
        self.notifier = Notifier(webhooks, self.letters, self.store, self.clock, chance=lambda: 0.5)

    def ended(self, **webhook: object) -> Task:
        """A task that has ended and is to be told, as the store has it."""
        notification = {"webhook": {"url": "https://example.org/hook?token=1", "secret": SECRET, **webhook}}
        body = factories.request(notification=notification)
        task = factories.task(notification=notification)
        hook = hook_of(parse_request(body))
        assert hook is not None
        assert task.webhook is not None
        self.store.put(keys.task(task.id), task.model_dump_json().encode())
        self.store.put(keys.webhook(task.id, task.webhook), hook.model_dump_json().encode())
        self.end(task, 1)
        return task

    def end(self, task: Task, run: int, **more: object) -> None:
        record = TaskRecord(
            id=task.id,
            run=run,
            state=TaskState.SUCCEEDED,
            pipeline=task.pipeline,
            priority=task.priority,
            created_at=task.created_at,
            finished_at=self.clock.now(),
        ).model_copy(update=more)
        self.store.put(keys.end(task.id, run), record.model_dump_json().encode())

    def rebuilt(self) -> int:
        """As after a loss of Redis."""
        self.waiting = Waiting(self.clock)
        self.letters = Letters(self.store, self.waiting, self.clock)
        webhooks = Webhooks(self.waiting, self.receiver, self.secret)
        self.notifier = Notifier(webhooks, self.letters, self.store, self.clock, chance=lambda: 0.5)
        # In the order of a rebuild: the tasks, then the letters.
        return sum(self.letters.enter_untold(files) for files in tasks_in(self.store)) + self.letters.enter_letters()

    def work(self) -> int:
        """Send what is due; how many."""
        taken = self.waiting.take(100, 100, {})
        for delivery in taken:
            self.notifier.deliver(delivery)
        return len(taken)

    def work_for(self, hours: float) -> None:
        end = self.clock.seconds + hours * 3600
        while self.waiting.due and min(self.waiting.due.values()) <= end:
            self.clock.seconds = max(self.clock.seconds, min(self.waiting.due.values()))
            self.work()
        self.clock.seconds = end


def test_a_call_is_signed_and_carries_the_run_s_record() -> None:
    desk = Desk(204)
    task = desk.ended()
    desk.rebuilt()

    desk.work()

    ((url, body, headers),) = desk.receiver.calls
    assert url == "https://example.org/hook?token=1"
    event = json.loads(body)
    assert (event["event"], event["id"], event["state"]) == ("task.succeeded", task.id, "succeeded")
    assert headers["Framefleet-Event"] == "task.succeeded"
    assert headers["Framefleet-Delivery"] == event["event_id"] == f"{task.id}.1.succeeded"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("Framefleet/")
    assert is_signed(SECRET, headers["Framefleet-Signature"], body, desk.clock.now().timestamp())


@pytest.mark.parametrize(("own", "operators", "signed_with"), [(None, "theirs", "theirs"), ("own", "theirs", "own")])
def test_a_webhook_without_a_secret_is_signed_with_the_operator_s(
    own: str | None, operators: str, signed_with: str
) -> None:
    desk = Desk(204, secret=operators)
    desk.ended(secret=own)
    desk.rebuilt()

    desk.work()

    ((_, body, headers),) = desk.receiver.calls
    assert is_signed(signed_with, headers["Framefleet-Signature"], body, desk.clock.now().timestamp())


def test_without_any_secret_there_is_no_signature() -> None:
    desk = Desk(204)
    desk.ended(secret=None)
    desk.rebuilt()

    desk.work()

    assert "Framefleet-Signature" not in desk.receiver.calls[0][2]


def test_tries_grow_apart_for_a_day_then_it_is_dead_and_stays_so_without_redis() -> None:
    desk = Desk(500, None, 302, 503)
    task = desk.ended()
    desk.rebuilt()
    begun = desk.clock.seconds

    times: list[float] = []
    while desk.waiting.due and len(times) < 100:
        desk.clock.seconds = max(desk.clock.seconds, min(desk.waiting.due.values()))
        times.append(desk.clock.seconds - begun)
        desk.work()

    assert times[:6] == [0, 5, 15, 35, 75, 155]
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps == sorted(gaps)
    assert max(gaps) == 3600
    assert 24 * 3600 <= times[-1] <= 25 * 3600
    assert 30 <= len(times) <= 37
    assert {headers["Framefleet-Delivery"] for _, _, headers in desk.receiver.calls} == {f"{task.id}.1.succeeded"}
    letter = Letter.model_validate_json(desk.store.objects[keys.letter(f"{task.id}.1.succeeded")])
    assert letter.record.state is DeliveryState.DEAD
    assert letter.record.tries == len(times)

    assert desk.rebuilt() == 1
    assert not desk.waiting.due
    assert desk.work() == 0


def test_a_receiver_that_is_gone_is_not_called_for_a_day() -> None:
    desk = Desk(410)
    desk.ended()
    desk.rebuilt()

    desk.work()

    assert desk.waiting.outcomes == ["dead"]


def test_i2_an_end_that_was_told_is_not_told_again_after_a_loss_of_redis_one_that_was_not_is() -> None:
    desk = Desk(500, 500, 200)
    task = desk.ended()
    assert desk.rebuilt() == 1
    desk.work()
    desk.clock.pass_(3600)

    assert desk.rebuilt() == 1, "nobody has taken it"
    desk.work_for(1)

    assert desk.waiting.outcomes == ["retry", "delivered"]
    assert keys.told(task.id, 1) in desk.store.objects
    assert desk.rebuilt() == 0


def test_i2_the_end_of_an_earlier_run_is_told_too() -> None:
    desk = Desk(200)
    task = desk.ended()
    desk.store.put(keys.restarted(task.id, 2), task.model_dump_json().encode())

    assert desk.rebuilt() == 1
    desk.work()

    assert json.loads(desk.receiver.calls[0][1])["run"] == 1


def test_what_ended_long_ago_was_not_asked_for_or_went_on_is_not_told() -> None:
    desk = Desk(200)
    desk.ended(events=["task.failed"])
    task = desk.ended()
    desk.end(task, 1, continued=True)
    assert desk.rebuilt() == 0

    desk.ended()
    desk.clock.pass_(49 * 3600)
    assert desk.rebuilt() == 0


def test_the_store_is_told_before_redis() -> None:
    desk = Desk(200)
    task = desk.ended()
    desk.rebuilt()
    desk.waiting.settle = _fails  # type: ignore[method-assign, assignment]

    with pytest.raises(StoreUnavailable):
        desk.work()

    assert keys.told(task.id, 1) in desk.store.objects


def test_a_replay_is_in_the_store_before_it_is_promised_and_has_another_day() -> None:
    desk = Desk(500)
    task = desk.ended()
    desk.rebuilt()
    desk.work_for(30)
    delivery = f"{task.id}.1.succeeded"
    tries = len(desk.receiver.calls)

    desk.letters.replay(delivery)
    assert desk.rebuilt() == 1, "Redis is lost at once"
    desk.work_for(23)
    assert len(desk.receiver.calls) > tries + 25, "tried for another day"
    desk.receiver.statuses = [200]
    desk.work_for(2)

    assert desk.waiting.outcomes[-1] == "delivered"
    assert keys.letter(delivery) not in desk.store.objects
    assert keys.told(task.id, 1) in desk.store.objects
    assert desk.rebuilt() == 0
    with pytest.raises(DeliveryNotFound):
        desk.letters.replay("nothing.1.queued")


def test_what_was_removed_never_comes_again() -> None:
    desk = Desk(500)
    task = desk.ended()
    desk.rebuilt()
    desk.work_for(30)

    desk.letters.remove(f"{task.id}.1.succeeded")

    assert not desk.waiting.letters
    assert desk.rebuilt() == 0
    with pytest.raises(DeliveryNotFound):
        desk.letters.remove(f"{task.id}.1.succeeded")


def test_progress_that_nobody_took_is_dropped_and_other_events_die() -> None:
    desk = Desk(500)
    task = desk.ended()
    assert task.webhook is not None
    for event in ("task.progress", "task.queued"):
        record = DeliveryRecord(
            id=f"{task.id}.1.{event}",
            task_id=task.id,
            run=1,
            event=event,
            pipeline="default",
            url="https://example.org/",
            host="example.org:443",
            state=DeliveryState.WAITING,
            created_at=desk.clock.now(),
        )
        desk.waiting.enter(Letter(record=record, name=task.webhook, body='{"event": "' + event + '"}'))
    desk.clock.pass_(24 * 3600)

    desk.work()

    assert desk.waiting.outcomes == ["dropped", "dead"]
    assert [json.loads(body)["event"] for _, body, _ in desk.receiver.calls] == ["task.progress", "task.queued"]
    assert [key for key in desk.store.objects if key.startswith(keys.LETTERS)] == [
        keys.letter(f"{task.id}.1.task.queued")
    ]


def test_a_webhook_that_cannot_be_read_is_given_up_and_its_secret_is_in_no_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = Desk(200)
    task = desk.ended()
    desk.rebuilt()
    assert task.webhook is not None
    kept = keys.webhook(task.id, task.webhook)
    desk.store.put(kept, desk.store.objects[kept].replace(b'"url"', b'"address"'))

    desk.work()

    assert desk.waiting.outcomes == ["dead"]
    assert not desk.receiver.calls
    with pytest.raises(ValidationError) as unreadable:
        Hook.model_validate_json(desk.store.objects[kept])
    assert SECRET not in f"{unreadable.value}{capsys.readouterr()}"


def test_progress_that_is_sent_once_more_is_not_kept_for_a_rebuild() -> None:
    desk = Desk(500, 200)
    task = desk.ended()
    assert task.webhook is not None
    record = DeliveryRecord(
        id=f"{task.id}.1.progress.0.5",
        task_id=task.id,
        run=1,
        event="task.progress",
        pipeline="default",
        url="https://example.org/",
        host="example.org:443",
        state=DeliveryState.WAITING,
        created_at=desk.clock.now(),
    )
    desk.waiting.enter(Letter(record=record, name=task.webhook, body="{}"))

    desk.letters.replay(record.id)
    desk.work()

    assert not [key for key in desk.store.objects if key.startswith(keys.LETTERS)]
    assert desk.rebuilt() == 1, "the end, nothing else"


@pytest.mark.parametrize("lost", ["webhook", "end"])
def test_what_can_never_be_sent_is_given_up_at_once(lost: str) -> None:
    desk = Desk(200)
    task = desk.ended()
    desk.rebuilt()
    assert task.webhook is not None
    desk.store.delete([keys.webhook(task.id, task.webhook) if lost == "webhook" else keys.end(task.id, 1)])

    desk.work()

    assert desk.waiting.outcomes == ["dead"]
    assert not desk.receiver.calls


def test_i10_dead_letters_are_kept_for_a_month() -> None:
    desk = Desk(500)
    desk.ended()
    desk.rebuilt()
    desk.work_for(30)
    desk.letters.trim()

    desk.clock.pass_(29 * 86400)
    assert desk.letters.trim() == 0
    desk.clock.pass_(86400)
    assert desk.letters.trim() == 1

    assert not desk.waiting.letters
    assert desk.rebuilt() == 0


def test_threads_are_for_everybody() -> None:
    desk = Desk(200)
    for host, answered in (("slow:80", False), ("good:80", True), ("well:80", False), ("well:80", True)):
        desk.notifier._note_host(host, answered=answered)

    asked: list[Mapping[str, int]] = []

    def take(limit: int, most_of_a_host: int, others: Mapping[str, int]) -> list[OutgoingDelivery]:
        asked.append(others)
        return []

    desk.waiting.take = take  # type: ignore[method-assign]
    desk.notifier.step()

    assert asked == [{"slow:80": 1}]


def _fails(*_: object) -> bool:
    raise StoreUnavailable("away")


# --- in the words of other clouds' dialects -----------------------------------------------------


class Dialect:
    """A form that says what it is told to."""

    def __init__(self, said: Said | None) -> None:
        self.said = said
        self.asked: list[tuple[str, str]] = []

    def __call__(self, delivery: OutgoingDelivery, hook: Hook) -> Said | None:
        self.asked.append((delivery.event, hook.url))
        return self.said


def in_words(said: Said | None, *statuses: int | None) -> tuple[Desk, Dialect, Task]:
    """A desk with a task that has ended, whose webhook is called in a dialect's words."""
    desk, dialect = Desk(*(statuses or (200,))), Dialect(said)
    task = desk.ended()
    assert task.webhook is not None
    key = keys.webhook(task.id, task.webhook)
    hook = Hook.model_validate_json(desk.store.objects[key])
    desk.store.put(key, hook.model_copy(update={"form": "theirs"}).model_dump_json().encode())
    desk.rebuilt()
    webhooks = Webhooks(desk.waiting, desk.receiver, SECRET, {"theirs": dialect})
    desk.notifier = Notifier(webhooks, desk.letters, desk.store, desk.clock, chance=lambda: 0.5)
    return desk, dialect, task


def test_an_event_in_other_words_is_sent_as_they_are() -> None:
    desk, dialect, task = in_words(Said(b"theirs", headers={"X-Signature": "x"}))

    desk.work()

    ((url, body, headers),) = desk.receiver.calls
    assert (url, body) == ("https://example.org/hook?token=1", b"theirs")
    assert headers.pop("User-Agent").startswith("Framefleet/")
    assert headers == {"Content-Type": "application/json", "X-Signature": "x"}, "nothing of ours, no signature"
    assert dialect.asked == [("task.succeeded", "https://example.org/hook?token=1")]
    assert desk.waiting.outcomes == ["delivered"]
    assert keys.told(task.id, 1) in desk.store.objects


def test_it_is_tried_again_as_ours_are_and_said_anew_each_time() -> None:
    desk, dialect, _ = in_words(Said(b"theirs"), 500, None, 200)

    desk.work_for(1)

    assert desk.waiting.outcomes == ["retry", "retry", "delivered"]
    assert len(dialect.asked) == len(desk.receiver.calls) == 3


def test_it_may_go_to_another_address() -> None:
    desk, _, _ = in_words(Said(b"theirs", url="https://example.org/elsewhere"))

    desk.work()

    assert [url for url, _, _ in desk.receiver.calls] == ["https://example.org/elsewhere"]


def test_it_may_be_kept_for_who_comes_for_it_and_then_nobody_is_called() -> None:
    desk, _, task = in_words(Said(b"theirs", key="clouds/vod/events/1"))

    desk.work()

    assert desk.store.objects["clouds/vod/events/1"] == b"theirs"
    assert not desk.receiver.calls
    assert desk.waiting.outcomes == ["delivered"]
    assert keys.told(task.id, 1) in desk.store.objects


def test_where_there_is_nothing_to_say_nobody_is_called() -> None:
    desk, _, _ = in_words(None)

    desk.work()

    assert not desk.receiver.calls
    assert desk.waiting.outcomes == ["delivered"]


def test_a_form_that_this_version_does_not_know_comes_again_until_one_does() -> None:
    desk, dialect, _ = in_words(Said(b"theirs"))
    known = desk.notifier
    desk.notifier = Notifier(
        Webhooks(desk.waiting, desk.receiver, SECRET), desk.letters, desk.store, desk.clock, chance=lambda: 0.5
    )
    desk.work()
    assert (desk.waiting.outcomes, desk.receiver.calls) == (["retry"], [])
    assert "form theirs" in str(next(iter(desk.waiting.letters.values())).record.attempts[-1].error)

    desk.notifier = known
    desk.work_for(1)

    assert desk.waiting.outcomes == ["retry", "delivered"]
    assert [body for _, body, _ in desk.receiver.calls] == [b"theirs"]
    assert len(dialect.asked) == 1


def test_a_store_that_is_away_while_it_is_kept_lets_it_come_again() -> None:
    desk, _, _ = in_words(Said(b"theirs", key="clouds/vod/events/1"))
    taken = desk.waiting.take(1, 1, {})
    desk.store.away = True

    with pytest.raises(StoreUnavailable):
        desk.notifier.deliver(taken[0])

    desk.store.away = False
    desk.work()
    assert desk.store.objects["clouds/vod/events/1"] == b"theirs"


def test_an_event_of_several_messages_is_told_in_their_order_and_again_as_a_whole() -> None:
    said = Said(b"last", before=(Said(b"first"), Said(b"second", url="https://example.org/elsewhere")))
    desk, _, task = in_words(said, 200, 500, 200)

    desk.work()
    assert [b"first", b"second"] == [body for _, body, _ in desk.receiver.calls]
    assert keys.told(task.id, 1) not in desk.store.objects
    desk.work_for(1)

    assert [b"first", b"second", b"first", b"second", b"last"] == [body for _, body, _ in desk.receiver.calls]
    assert "https://example.org/elsewhere" == desk.receiver.calls[1][0]
    assert keys.told(task.id, 1) in desk.store.objects


def test_a_message_that_cannot_be_made_is_given_up_in_the_end() -> None:
    """A dialect's defect, or a secret that was sealed with another key: it would come again every minute for ever."""

    def broken(delivery: OutgoingDelivery, hook: Hook) -> Said | None:
        raise ValueError("a secret of the caller")

    desk, _, _ = in_words(Said(b"theirs"))
    webhooks = Webhooks(desk.waiting, desk.receiver, SECRET, {"theirs": broken})
    desk.notifier = Notifier(webhooks, desk.letters, desk.store, desk.clock, chance=lambda: 0.5)

    desk.work()
    assert (desk.waiting.outcomes, desk.receiver.calls) == (["retry"], [])
    desk.work_for(48)

    assert desk.waiting.outcomes[-1] == "dead"
    (letter,) = desk.waiting.letters.values()
    assert "ValueError" in str(letter.record.attempts[-1].error)
    assert "secret" not in str(letter.record.attempts[-1].error)
