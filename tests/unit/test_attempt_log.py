"""What an attempt ran, for people: bounded, and without secrets or places on the worker."""

from __future__ import annotations

from pathlib import Path

from framefleet_workers.attempt_log import MOST_BYTES, AttemptLog
from framefleet_workers.process import Result

FOLDER = Path("/var/scratch/17-task.1.2-1000001")


def result(code: int = 0, *tail: str) -> Result:
    return Result(code, tail, 1.5, 2.0)


def test_a_command_is_told_with_its_exit_code_its_cost_and_its_last_words() -> None:
    log = AttemptLog(FOLDER)
    log.ended(["/usr/bin/ffmpeg", "-i", "a film.mov", f"{FOLDER}/v1.mp4"], result(1, "moov atom not found"))

    text = log.text(["subtask 2"], ["failed"]).decode()

    assert text.startswith("subtask 2\n")
    assert "$ ffmpeg -i 'a film.mov' v1.mp4\n" in text
    assert "exit 1, 2.00 s, 1.50 CPU seconds\n  moov atom not found\n" in text
    assert text.rstrip().endswith("failed")
    assert "/var/scratch" not in text


def test_signed_addresses_and_passwords_are_masked_wherever_they_stand() -> None:
    log = AttemptLog(FOLDER)
    signed = "https://s3.example.com/in/a.mov?X-Amz-Signature=deadbeef&X-Amz-Credential=AKIA"
    secret = "http://user:p@ss@host/a.mov?token=hush"
    log.ended(["ffmpeg", "-i", signed, "-i", secret], result(1, f"{signed}: Server returned 403", f"[https] {secret}"))
    log.stopped(["ffmpeg", "-i", signed], f"no progress of {secret}", [signed])

    text = log.text([f"of {signed}"], [f"failed: {secret}"]).decode()

    for hidden in ("deadbeef", "AKIA", "p@ss", "hush", "user:"):
        assert hidden not in text
    assert text.count("https://s3.example.com/in/a.mov?***") == 5
    assert "http://***@host/a.mov?***" in text


def test_what_would_move_a_terminals_cursor_is_taken_out() -> None:
    log = AttemptLog()
    log.ended(["ffmpeg"], result(0, "title: \x1b[2Jgone\x07"))

    assert "\x1b" not in log.text([]).decode()
    assert "\x07" not in log.text([]).decode()


def test_i10_very_many_and_very_long_commands_stay_within_a_bound() -> None:
    log = AttemptLog()
    for number in range(60):
        log.ended(["ffmpeg", "-filter_complex", "x://?" * 20_000, f"{number}.mp4"], result(0, *["y" * 500] * 40))

    data = log.text(["head"], ["the end"])

    assert len(data) <= MOST_BYTES
    text = data.decode()
    assert text.startswith("head\n")
    assert text.rstrip().endswith("the end")


def test_the_first_and_the_last_commands_are_kept() -> None:
    log = AttemptLog()
    for number in range(100):
        log.ended(["ffmpeg", f"{number}.mp4"], result())

    text = log.text([]).decode()

    assert "$ ffmpeg 0.mp4" in text
    assert "$ ffmpeg 99.mp4" in text
    assert "$ ffmpeg 50.mp4" not in text
    assert "72 more commands" in text


def test_a_program_that_was_ended_says_by_what() -> None:
    log = AttemptLog()
    assert log.empty
    log.ended(["ffmpeg"], result(-9))
    log.stopped(["ffmpeg"], "cancel")

    text = log.text([]).decode()

    assert not log.empty
    assert "ended by signal 9" in text
    assert "stopped: cancel" in text
