"""What a handler gets to do one attempt: the task, the spec, a folder, the tools, and a lease to report to."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from framefleet import tracing
from framefleet.adapters.storages import SourceAccess, Storages
from framefleet.domain.address import source_address
from framefleet.domain.errors import (
    DiskFull,
    FfmpegFailed,
    FfmpegKilled,
    FramefleetError,
    MemoryLimit,
)
from framefleet.domain.records import StoredFile, Usage
from framefleet.domain.task import Task
from framefleet.domain.trace import TraceContext
from framefleet.media.allowance import UNLIMITED, Allowance
from framefleet.media.command import Command
from framefleet.media.diagnose import out_of_memory, out_of_space, work_error
from framefleet.media.input_errors import classify_input_error, without_signatures
from framefleet.media.progress import ProgressParser
from framefleet.ports import ObjectStore, Progress
from framefleet_workers.attempt_log import AttemptLog
from framefleet_workers.digest import sha256_file
from framefleet_workers.lease import Lease
from framefleet_workers.process import Interrupted, Result, run

SOURCE_URL_SECONDS = 12 * 3600
"""How long a presigned address is valid: longer than any subtask may run. Made anew for every attempt."""


LEAST_BYTES_PER_SECOND = 16 << 10
"""Of a copy of a source: a server that sends less holds up whoever waits for it, and is taken for one that hangs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source may be, and what programs and their files may use. Seconds, pixels, bytes."""

    max_duration: float
    max_pixels: int
    max_source_bytes: int
    ffmpeg_memory: int = 0
    """Bytes one program may use; 0: no limit."""
    ffmpeg_patience: float = 0.0
    """CPU seconds one program may use for each that the work should cost; 0: no limit."""
    scratch_bytes: int | None = None
    """Bytes that scratch files of all attempts here may take; None: what the disk has."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs a worker uses."""

    ffmpeg: str
    prober: tuple[str, ...]
    build: str
    """FFmpeg's version: part of the identity of a reusable chunk."""
    web: Mapping[str, str] | None = None
    """Environment in which programs reach the web only through our guard; None: they may reach what they can."""


@dataclass
class Work:
    """One attempt."""

    task: Task
    sid: str
    prefix: str
    """Keys this attempt may write to."""
    folder: Path
    store: ObjectStore
    storages: Storages
    tools: Tools
    limits: Limits
    lease: Lease
    stall_seconds: float = 60.0
    allowance: Allowance = UNLIMITED
    """What each program may use of the machine."""
    attempt: int = 1
    """Counted from 1."""
    span: TraceContext | None = None
    """Of the attempt. None: nobody is told how long its parts took."""
    reuse: bool = False
    """Take over finished work of earlier runs with the same content, and keep one's own for later ones."""
    reads_web: bool = False
    """Whether programs read the web for something else than a source."""
    log: AttemptLog = field(default_factory=AttemptLog)
    """What it has run, for people."""
    cpu_seconds: float = 0.0
    verify_cpu_seconds: float = 0.0
    program_seconds: float = 0.0
    media_seconds: float = 0.0
    read_bytes: int = 0
    written_bytes: int = 0
    _parts: Iterator[int] = field(default_factory=itertools.count)
    _access: dict[int, SourceAccess] = field(default_factory=dict)

    def source(self, index: int) -> SourceAccess:
        """How to read a source of the task; raises SourceError or ServiceError."""
        if index not in self._access:
            field_path = f"sources[{index}].uri"
            address = source_address(self.task.request.sources[index].uri, field_path)
            try:
                self._access[index] = self.storages.source_url(
                    address, SOURCE_URL_SECONDS, max_bytes=self.limits.max_source_bytes
                )
            except FramefleetError as error:
                error.field = error.field or field_path
                raise
        return self._access[index]

    def forget_source(self, index: int) -> None:
        """Look at a source anew when it is asked for next."""
        self._access.pop(index, None)

    def ffmpeg(
        self,
        command: Command,
        *,
        seconds: float | None = None,
        frames: int | None = None,
        share: tuple[float, float] = (0.0, 1.0),
        program: str | None = None,
        silence: float = 0.0,
    ) -> Result:
        """Run a command that encodes or copies; progress through `seconds` or `frames` of output is that `share` of the subtask.

        `program` is another FFmpeg than the usual one. `silence` is how many seconds longer than usual nothing may come out,
        where much has to be decoded for a first picture. Raises what went wrong: the input's error, the encoder's, the disk's.
        """
        parser = ProgressParser()
        low, high = share
        least = max(1, int(LEAST_BYTES_PER_SECOND * (self.stall_seconds + silence)))
        reached: tuple[float | int | None, ...] = (None, None, None)

        def follow(line: str) -> bool:
            """Says whether FFmpeg moved on: it prints blocks while it hangs, too."""
            nonlocal reached
            block = parser.feed(line)
            if block is None:
                return False
            fraction = block.fraction(seconds=seconds, frames=frames)
            self.lease.progress = Progress(low + fraction * (high - low), block.speed)
            written = None if block.bytes is None else block.bytes // least
            before, reached = reached, (block.seconds, block.frames, written)
            return before != reached

        argv = command.argv(program or self.tools.ffmpeg)
        result = self._run(argv, follow, self.stall_seconds + silence)
        self.cpu_seconds += result.cpu_seconds
        self.program_seconds += result.wall_seconds
        if out_of_space(result.tail):
            raise DiskFull(log=without_signatures(result.tail))
        if result.returncode != 0:
            raise failure(result)
        return result

    def lines(self, argv: Sequence[str], on_line: Callable[[str], None], *, verify: bool = True) -> Result:
        """Run a program for what it prints; its CPU time counts as verification when `verify`."""
        result = self._run(argv, on_line, self.stall_seconds)
        self.cpu_seconds += result.cpu_seconds
        self.program_seconds += result.wall_seconds
        if verify:
            self.verify_cpu_seconds += result.cpu_seconds
        # Not what was read or made is at fault then, whatever the caller would make of the exit code.
        if out_of_memory(result.tail, result.returncode):
            raise MemoryLimit(log=without_signatures(result.tail))
        if result.returncode < 0:
            raise FfmpegKilled(
                f"a program was ended by signal {-result.returncode}", log=without_signatures(result.tail)
            )
        return result

    def _run(self, argv: Sequence[str], on_line: Callable[[str], bool | None], stall_seconds: float) -> Result:
        """Run a program, and note it in the attempt's log."""
        try:
            with self.told(Path(argv[0]).name):
                result = run(
                    argv,
                    interrupt=self.lease.interrupt,
                    on_line=on_line,
                    stall_seconds=stall_seconds,
                    environment=self._proxy(),
                    allowance=self.allowance,
                )
        except Interrupted as stop:
            self.log.stopped(argv, stop.reason)
            raise
        except FramefleetError as error:
            self.log.stopped(argv, error.message, error.log)
            raise
        self.log.ended(argv, result)
        return result

    @contextmanager
    def told(self, name: str, **attributes: str | float | bool) -> Iterator[None]:
        """What is done inside is a part of the attempt's trace."""
        if self.span is None:
            yield
            return
        with tracing.telling(
            name, self.span.child(f"{self.span.span_id}/{next(self._parts)}"), self.span, **attributes
        ):
            yield

    def _proxy(self) -> Mapping[str, str] | None:
        """What makes FFmpeg go through the guard, where a source is on the web: it follows redirects by itself."""
        on_the_web = self.reads_web or any(s.uri.startswith(("http://", "https://")) for s in self.task.request.sources)
        return self.tools.web if on_the_web else None

    def upload(self, path: Path, name: str) -> StoredFile:
        """Put a file under the attempt's keys."""
        key = f"{self.prefix}{name}"
        size = path.stat().st_size
        digest = sha256_file(path)
        self.store.put_file(key, path)
        self.written_bytes += size
        return StoredFile(key=key, bytes=size, sha256=digest)

    def path(self, name: str) -> Path:
        """A place in the attempt's folder; its parents exist."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def usage(self, started: float) -> Usage:
        """What the attempt has cost since `started` (monotonic)."""
        return Usage(
            wall_seconds=round(time.monotonic() - started, 3),
            cpu_seconds=round(self.cpu_seconds, 3),
            verify_cpu_seconds=round(self.verify_cpu_seconds, 3),
            program_seconds=round(self.program_seconds, 3),
            media_seconds=round(self.media_seconds, 3),
            read_bytes=self.read_bytes,
            written_bytes=self.written_bytes,
        )


def failure(result: Result) -> FramefleetError:
    """The error behind a failed run: of the work if FFmpeg says so, else of the input, else FFmpeg's own words."""
    error = work_error(without_signatures(result.tail), result.returncode)
    if isinstance(error, FfmpegFailed):
        of_input = classify_input_error(list(result.tail), result.returncode)
        if type(of_input) is not FfmpegFailed and of_input is not None:
            return of_input
    return error
