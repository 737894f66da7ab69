"""Logs: one line per event, foreign loggers included, secrets taken out."""

from __future__ import annotations

import json
import logging as standard
from io import StringIO
from typing import Any

import pytest
import structlog

from framefleet import logging


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_stream_that_is_no_terminal_gets_json() -> None:
    out = StringIO()
    logging.configure(stream=out)
    structlog.contextvars.bind_contextvars(task_id="t1")

    logging.get_logger().info("task.accepted", pipeline="default")

    (line,) = lines(out)
    assert line["event"] == "task.accepted"
    assert (line["task_id"], line["pipeline"], line["level"]) == ("t1", "default", "info")
    assert line["timestamp"].endswith("Z")


def test_a_terminal_gets_text() -> None:
    out = Terminal()
    logging.configure(stream=out)

    logging.get_logger().info("task.accepted")

    assert "task.accepted" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_what_is_below_the_level_is_not_said() -> None:
    out = StringIO()
    logging.configure("warning", "json", out)

    logging.get_logger().info("task.accepted")

    assert out.getvalue() == ""


def test_other_libraries_are_heard_from_warnings_on_in_the_same_form() -> None:
    out = StringIO()
    logging.configure("debug", "json", out)

    standard.getLogger("urllib3").info("chatter")
    standard.getLogger("urllib3").warning("retrying %s", "https://s3/b/k?X-Amz-Signature=abc")

    (line,) = lines(out)
    assert line["event"] == "retrying https://s3/b/k?***"


@pytest.mark.parametrize("name", ["secret", "s3_secret_key", "password", "client_token", "Authorization"])
def test_a_secret_is_known_by_the_name_of_its_field(name: str) -> None:
    assert logging.redact(None, "", {name: "hunter2", "deep": {name: "hunter2"}}) == {
        name: "***",
        "deep": {name: "***"},
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("amqp://user:hunter2@mq/", "amqp://***@mq/"),
        ("redis://:hunt@er2@h/0", "redis://***@h/0"),
        ("at https://s3/b/k?x=1&X-Amz-Signature=abc gone", "at https://s3/b/k?*** gone"),
        ("https://cdn/a.mov?page=2", "https://cdn/a.mov?page=2"),
        ("https://cdn/@user/a.mov", "https://cdn/@user/a.mov"),
    ],
)
def test_secrets_in_addresses_are_taken_out_wherever_they_are(text: str, clean: str) -> None:
    assert logging.redact(None, "", {"a": text, "b": [text]}) == {"a": clean, "b": [clean]}


@pytest.mark.parametrize("layout", ["json", "console"])
def test_a_traceback_has_no_secrets_and_no_variables(layout: str) -> None:
    out = StringIO()
    logging.configure("info", layout, out)
    try:
        body = "hunter2"
        raise ValueError(f"cannot reach amqp://user:{body}@mq/")
    except ValueError:
        logging.get_logger().exception("plan.broken")

    assert "ValueError" in out.getvalue()
    assert "hunter2" not in out.getvalue()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("I/O operation on closed file")])
@pytest.mark.parametrize("layout", ["json", "console"])
def test_a_line_that_cannot_be_written_is_lost_and_nothing_else(error: Exception, layout: str) -> None:
    class Full(StringIO):
        def write(self, text: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    logging.configure("info", layout, Full())

    logging.get_logger().error("task.failed")
    standard.getLogger("urllib3").warning("retrying")


def test_after_its_stream_was_closed_a_line_is_lost_and_nothing_else() -> None:
    stream = StringIO()
    logging.configure("info", "json", stream)
    stream.close()

    logging.get_logger().error("task.failed")


@pytest.mark.parametrize("text", ["a" * 300_000, "http://a?" * 40_000, "://" * 100_000, "https://a@" * 40_000])
def test_a_long_text_is_cleaned_in_time_that_grows_with_it_only(text: str) -> None:
    """With a quadratic pattern each of these takes minutes, which is the time limit of a test."""
    out = StringIO()
    logging.configure(layout="json", stream=out)

    logging.get_logger().info("said", message=text)

    assert lines(out)[0]["event"] == "said"
