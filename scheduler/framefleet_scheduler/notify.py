"""Events to webhooks: takes deliveries that are due, sends them, and notes what came of it.

A delivery is entered in Redis in the step that makes its event, and comes again until it is settled; so whatever is killed in
between, it is sent at least once. That the end of a run was told, or that nobody took it, is noted in the object store before
Redis: after a loss of Redis the rebuild enters the others again.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog
from pydantic import ValidationError

from framefleet import __version__, metrics
from framefleet.domain import events, keys
from framefleet.domain.delivery import Try
from framefleet.domain.errors import ServiceError
from framefleet.domain.records import TaskRecord
from framefleet.domain.webhook import (
    DELIVERY_HEADER,
    EVENT_HEADER,
    FINAL_EVENTS,
    GIVE_UP_SECONDS,
    PROGRESS,
    SIGNATURE_HEADER,
    Hook,
    delay,
    signature,
)
from framefleet.ports import Clock, Deliveries, ObjectStore, OutgoingDelivery, WebhookSender
from framefleet_scheduler.letters import Letters

log = structlog.get_logger()

THREADS = 32
"""Calls under way in one process."""
MOST_OF_A_HOST = 4
MOST_OF_A_BROKEN_HOST = 1
"""Calls under way to one receiver whose last call failed: those that never answer must not take all threads."""
_MOST_HOSTS = 10_000
_GONE = 410
_KEPT = 204
USER_AGENT = f"Framefleet/{__version__}"


@dataclass(frozen=True, slots=True)
class Said:
    """An event in somebody else's words."""

    body: bytes
    url: str | None = None
    """Where it is posted; None: the webhook's address."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside those that every call has."""
    key: str | None = None
    """It is not sent: it is kept in the work bucket under this key, for who comes for it."""
    before: tuple[Said, ...] = ()
    """Other messages of the same event, posted before this one. When one is not taken, all come again."""


Form = Callable[[OutgoingDelivery, Hook], Said | None]
"""Says a delivery in somebody else's words; None: there is nothing to say. Raises ServiceError."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What it takes to tell somebody over HTTP."""

    deliveries: Deliveries
    sender: WebhookSender
    secret: str = field(default="", repr=False)
    """Signs calls to webhooks that have none of their own."""
    forms: dict[str, Form] = field(default_factory=dict)
    """In whose words calls may be, by `Hook.form`."""


class Notifier:
    """Sends deliveries. `step` from one thread at a time; several processes share the work."""

    def __init__(
        self,
        webhooks: Webhooks,
        letters: Letters,
        store: ObjectStore,
        clock: Clock,
        *,
        wake: Callable[[], None] = lambda: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`wake` is called when a call has ended."""
        self._deliveries = webhooks.deliveries
        self._letters = letters
        self._store = store
        self._sender = webhooks.sender
        self._clock = clock
        self._secret = webhooks.secret
        self._forms = webhooks.forms
        self._wake = wake
        self._chance = chance
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._broken: set[str] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")

    def step(self) -> bool:
        """Begin to send what is due, as far as there are threads; says whether there was anything.

        Raises StateUnavailable.
        """
        with self._lock:
            free = THREADS - self._under_way.total()
            others = {
                host: max(0, self._most(host) - self._under_way[host]) for host in {*self._under_way, *self._broken}
            }
        if free <= 0:
            return False
        taken = self._deliveries.take(free, MOST_OF_A_HOST, others)
        for delivery in taken:
            with self._lock:
                self._under_way[delivery.host] += 1
            self._threads.submit(self._work, delivery)
        return bool(taken)

    def close(self) -> None:
        """End what is under way; what was not begun comes again, here or in another process."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def deliver(self, delivery: OutgoingDelivery) -> None:
        """One try of one delivery, and its consequences. Raises ServiceError: then it comes again."""
        what = self._content(delivery)
        if isinstance(what, str):
            tried = Try(at=self._clock.now(), error=what)
            self._settle(delivery, tried, hopeless=True)
            return
        hook, body = what
        if hook.form is not None:
            tried = self._told(delivery, hook)
        else:
            tried = self._sender.send(hook.url, body, self._headers(delivery, hook, body))
        if hook.form is None or tried.status != _KEPT:
            self._note_host(delivery.host, answered=tried.status is not None)
        self._settle(delivery, tried, hopeless=tried.status == _GONE)

    # --- one delivery ----------------------------------------------------------------------

    def _told(self, delivery: OutgoingDelivery, hook: Hook) -> Try:
        """As `hook.form` says it."""
        form = self._forms.get(hook.form or "")
        if form is None:  # another scheduler may know it: it comes again
            return Try(at=self._clock.now(), error=f"this version does not know the form {hook.form}")
        try:
            said = form(delivery, hook)
        except ServiceError:
            raise
        except Exception as error:  # the shell around a dialect: what is never settled would come again for ever
            log.exception("delivery.unsaid", delivery=delivery.id, form=hook.form)
            return Try(at=self._clock.now(), error=f"the message could not be made: {type(error).__name__}")
        if said is None:
            return Try(at=self._clock.now(), status=_KEPT, answer="nothing is to be said")
        for one in said.before:
            tried = self._say(one, hook)
            if tried.status is None or not 200 <= tried.status < 300:
                return tried
        return self._say(said, hook)

    def _say(self, said: Said, hook: Hook) -> Try:
        """One message."""
        if said.key is not None:
            self._store.put(said.key, said.body)
            return Try(at=self._clock.now(), status=_KEPT, answer="kept for who comes for it")
        about = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **said.headers}
        return self._sender.send(said.url or hook.url, said.body, about)

    def _work(self, delivery: OutgoingDelivery) -> None:
        try:
            self.deliver(delivery)
        except ServiceError as error:
            log.warning("delivery.postponed", delivery=delivery.id, code=error.code, message=error.message)
        except Exception:  # the shell of the webhooks' threads: it comes again, the others go on
            log.exception("delivery.broken", delivery=delivery.id)
        finally:
            with self._lock:
                self._under_way[delivery.host] -= 1
                self._under_way += Counter()  # without those that have none
            self._wake()

    def _content(self, delivery: OutgoingDelivery) -> tuple[Hook, bytes] | str:
        """Where it goes and its body; a text when there is no such thing any more."""
        kept = self._store.get(keys.webhook(delivery.task_id, delivery.name))
        if kept is None:
            return "the webhook's address is not in the store any more"
        try:
            hook = Hook.model_validate_json(kept)
        except ValidationError:
            return "the webhook's address is of a version that cannot be read"
        if delivery.event not in FINAL_EVENTS:
            return hook, delivery.body.encode()
        end = self._store.get(keys.end(delivery.task_id, delivery.run))
        if end is None:
            return "the run's record is not in the store any more"
        try:
            return hook, events.final_event(TaskRecord.model_validate_json(end)).encode()
        except ValidationError:
            return "the run's record is of a version that cannot be read"

    def _headers(self, delivery: OutgoingDelivery, hook: Hook, body: bytes) -> dict[str, str]:
        return headers(delivery.event, delivery.id, hook.secret or self._secret, body, self._clock)

    def _settle(self, delivery: OutgoingDelivery, tried: Try, *, hopeless: bool) -> None:
        bound = log.bind(delivery=delivery.id, host=delivery.host, status=tried.status, error=tried.error)
        if tried.status is not None and 200 <= tried.status < 300:
            self._letters.delivered(delivery)
            self._deliveries.settle(delivery.id, "delivered", tried)
            outcome = "delivered"
            bound.info("delivery.made", tries=delivery.tries + 1)
        elif hopeless or delivery.age_seconds >= GIVE_UP_SECONDS:
            outcome = "dropped" if delivery.event == PROGRESS else "dead"
            if outcome == "dead":
                self._letters.died(delivery, tried)
            self._deliveries.settle(delivery.id, outcome, tried)
            bound.warning("delivery.given_up", tries=delivery.tries + 1)
        else:
            outcome = "failed"
            pause = delay(delivery.tries + 1, self._chance())
            self._deliveries.settle(delivery.id, "retry", tried, pause)
            bound.info("delivery.failed", tries=delivery.tries + 1, delay_s=round(pause, 1))
        metrics.notified(kind="webhook", outcome=outcome)

    # --- receivers -------------------------------------------------------------------------

    def _most(self, host: str) -> int:
        return MOST_OF_A_BROKEN_HOST if host in self._broken else MOST_OF_A_HOST

    def _note_host(self, host: str, *, answered: bool) -> None:
        with self._lock:
            if answered:
                self._broken.discard(host)
            else:
                if len(self._broken) >= _MOST_HOSTS:
                    self._broken.clear()
                self._broken.add(host)


def headers(event: str, delivery_id: str, secret: str, body: bytes, clock: Clock) -> dict[str, str]:
    """What a call carries. Without a secret there is no signature."""
    found = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        EVENT_HEADER: event,
        DELIVERY_HEADER: delivery_id,
    }
    if secret:
        found[SIGNATURE_HEADER] = signature(secret, int(clock.now().timestamp()), body)
    return found


def ping(now: str) -> bytes:
    """The body of a call that only tries whether a webhook works."""
    return json.dumps({"event": "ping", "at": now}, separators=(",", ":")).encode()
