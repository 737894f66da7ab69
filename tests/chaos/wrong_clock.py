"""A wall clock of its own for one host, which can be set while its processes run; for machines with a C compiler.

A few lines of C before all its processes (FFmpeg too) add a number of seconds to what the kernel says. libfaketime would do,
but 0.9.10 of Debian 12 breaks Python 3.11's `time.sleep`, whatever it is told of monotonic clocks. Those stay as they are, as
they do on a machine whose clock is set.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

from tests.services import Redis

_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *ahead; /* seconds */

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("CHAOS_CLOCK");
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
    if (found != MAP_FAILED) ahead = found;
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t) {
    int result = syscall(SYS_clock_gettime, id, t);
    if (result == 0 && ahead && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += *ahead;
    return result;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
"""
_AHEAD = struct.Struct("=l" if struct.calcsize("l") == 4 else "=q")


def compiled(folder: Path) -> Path | None:
    """The library, in this folder; None when this machine cannot make it."""
    source, library = folder / "clock.c", folder / "clock.so"
    cc = shutil.which("cc")
    if cc is None:
        return None
    if not library.exists():
        source.write_text(_SOURCE)
        command = [cc, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)]
        if subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0:
            return None
    return library


class WrongClock:
    """The clock of one host."""

    def __init__(self, library: Path, file: Path) -> None:
        """`file` is what its processes map."""
        self._file = file
        file.write_bytes(_AHEAD.pack(0))
        self.variables = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(file)}

    def set(self, seconds: float) -> None:
        """It is so much ahead of the truth from now on, or behind."""
        file = os.open(self._file, os.O_WRONLY)
        try:
            os.pwrite(file, _AHEAD.pack(round(seconds)), 0)  # one aligned word: nobody sees half of it
        finally:
            os.close(file)


class ClockedRedis(Redis):
    """A Redis with a clock of its own, where this machine can give it one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        library = compiled(folder)
        self.clock = None if library is None else WrongClock(library, folder / "clock")
        if self.clock is not None:
            self.environment = os.environ | self.clock.variables
