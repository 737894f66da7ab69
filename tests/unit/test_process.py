"""Running programs: output, progress, stop, cost."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from framefleet.domain.errors import CpuLimit, FfmpegStalled
from framefleet.media.allowance import Allowance
from framefleet.media.diagnose import out_of_memory
from framefleet_workers.process import TAIL_LINES, Interrupt, Interrupted, run
from framefleet_workers.scratch import attempt_directory, sweep

LIMITED = (
    "import resource as r, time; "
    "any(r.getrlimit(r.RLIMIT_{kind})[1] != r.RLIM_INFINITY or time.sleep(0.01) for _ in range(1000))"
)
"""Limits are set from outside, just after a program has begun: it waits for one of them, ten seconds at most."""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_every_line_is_handed_over_and_the_tail_of_errors_is_kept() -> None:
    lines: list[str] = []

    result = run(
        python("import sys\nfor i in range(100): print(i); print('e', i, file=sys.stderr)"),
        interrupt=Interrupt(),
        on_line=lines.append,
    )

    assert [str(i) for i in range(100)] == lines
    assert [f"e {i}" for i in range(100 - TAIL_LINES, 100)] == list(result.tail)
    assert 0 == result.returncode


def test_the_exit_code_and_the_cost_are_those_of_the_program() -> None:
    result = run(python("x = sum(range(3_000_000)); raise SystemExit(3)"), interrupt=Interrupt())

    assert 3 == result.returncode
    assert result.cpu_seconds > 0


def test_closed_pipes_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framefleet_workers.process.POLL_SECONDS", 3600.0)
    closing = "import os, time; os.close(1); os.close(2); time.sleep(0.1); os._exit(3)"
    assert run([sys.executable, "-c", closing], interrupt=Interrupt()).returncode == 3


def test_carriage_returns_end_lines() -> None:
    result = run(python(r"import sys; sys.stderr.write('a\rb\rc')"), interrupt=Interrupt())

    assert ("a", "b", "c") == result.tail


def test_a_line_without_an_end_does_not_grow_without_bound() -> None:
    result = run(python("import sys; sys.stderr.write('x' * 10_000_000)"), interrupt=Interrupt())

    assert len("".join(result.tail)) < 1000


def test_I6_a_stop_ends_the_program_though_it_ignores_the_first_signal() -> None:
    interrupt = Interrupt()
    started = threading.Event()
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )

    def stop() -> None:
        started.wait(30)
        interrupt.set("cancel")

    threading.Thread(target=stop).start()
    with pytest.raises(Interrupted) as caught:
        run(python(code), interrupt=interrupt, on_line=lambda line: started.set())

    assert "cancel" == caught.value.reason


def test_a_program_that_says_nothing_is_ended_as_stalled() -> None:
    with pytest.raises(FfmpegStalled):
        run(python("import time; time.sleep(600)"), interrupt=Interrupt(), stall_seconds=0.3)


def test_a_program_that_talks_but_does_not_move_is_ended_as_stalled() -> None:
    code = "import time\nwhile True: print('frame=7', flush=True); time.sleep(0.05)"

    with pytest.raises(FfmpegStalled):
        run(python(code), interrupt=Interrupt(), on_line=lambda line: False, stall_seconds=0.5)


def test_I8_the_directory_of_an_attempt_goes_with_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), attempt_directory(tmp_path, "t.1.2", 7) as path:
        (path / "file").write_text("x")
        raise RuntimeError

    assert [] == list(tmp_path.iterdir())


def test_I8_directories_of_dead_processes_are_swept(tmp_path: Path) -> None:
    (tmp_path / "4194399-t.1.2-7").mkdir()
    with attempt_directory(tmp_path, "t.1.2", 8) as mine:
        assert 1 == sweep(tmp_path)
        assert mine.exists()


def test_a_program_over_its_memory_fails_alone() -> None:
    greedy = "x = bytearray(300 << 20)"

    assert run(python(greedy), interrupt=Interrupt()).returncode == 0
    limited = python(f"{LIMITED.format(kind='DATA')}; {greedy}")
    result = run(limited, interrupt=Interrupt(), allowance=Allowance(memory_bytes=100 << 20))
    assert result.returncode != 0
    assert out_of_memory(result.tail, result.returncode)


def test_a_program_over_its_cpu_time_is_ended_with_an_error_of_its_own() -> None:
    with pytest.raises(CpuLimit):
        run(python("while True: pass"), interrupt=Interrupt(), allowance=Allowance(cpu_seconds=1))


def test_no_program_leaves_a_core_dump() -> None:
    said: list[str] = []
    telling = python(f"{LIMITED.format(kind='CORE')}; print(r.getrlimit(r.RLIMIT_CORE))")
    run(telling, interrupt=Interrupt(), on_line=said.append)

    assert said == ["(0, 0)"]
