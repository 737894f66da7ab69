"""From what FFmpeg wrote last to one of our errors. The one place that reads FFmpeg's sentences.

Each phrase was seen with FFmpeg 5.1 or 9; exit codes do not help (1 for nearly everything).
"""

from __future__ import annotations

from collections.abc import Sequence

from framefleet.domain.errors import (
    DiskFull,
    EncoderBusy,
    EncoderUnavailable,
    FfmpegFailed,
    FfmpegKilled,
    FramefleetError,
    MemoryLimit,
)

_DISK = ("No space left on device", "Disk quota exceeded")
_ENCODER_BUSY = (
    "out of memory (10)",  # OpenEncodeSessionEx, InitializeEncoder: the session limit of older drivers, or memory
    "incompatible client key (21)",  # the session limit since 2024
    "CUDA_ERROR_OUT_OF_MEMORY",
    "encoder busy (",
)
"""The GPU works, but has nothing left for one more. Looked for first: `No capable devices found` follows these."""
_ENCODER = (
    "Cannot load libcuda.so.1",
    "Cannot load nvcuda.dll",
    "Cannot load libnvidia-encode",
    "No capable devices found",
    "OpenEncodeSessionEx failed",
    "CUDA_ERROR",
    "cuInit(0) failed",
    "Driver does not support the required nvenc API version",
    "The minimum required Nvidia driver",
    "Provided device doesn't support required NVENC features",
    "device not exist (",
    "EncodePicture failed!: generic error (20)",  # these two: the driver or the card went away in the middle
    "Failed locking bitstream buffer",
    "Unknown encoder",
)
_MEMORY = (
    "Cannot allocate memory",
    "malloc of size",  # x264
    "pthread_create() failed: Resource temporarily unavailable",  # no room for a thread's stack
    "opening decoder for input stream #0:0 : Resource temporarily unavailable",  # the same, 5.1
    "MemoryError",  # the stand-in for ffprobe
    "bad_alloc",  # x265
    "failed to map segment from shared object",
)


def work_error(lines: Sequence[str], returncode: int) -> FramefleetError:
    """The error of an attempt whose FFmpeg failed although its inputs are good."""
    log = tuple(lines)
    for line in lines:
        if any(phrase in line for phrase in _DISK):
            return DiskFull(log=log)
        if any(phrase in line for phrase in _ENCODER_BUSY):
            return EncoderBusy(line.strip(), log=log)
        if any(phrase in line for phrase in _ENCODER):
            return EncoderUnavailable(line.strip(), log=log)
    if out_of_memory(lines, returncode):
        return MemoryLimit(log=log)
    # 255 is FFmpeg's own exit on SIGTERM; it is not ours, since our stop raises before.
    if returncode < 0 or returncode in {137, 143, 255}:
        return FfmpegKilled(f"FFmpeg was ended from outside (exit {returncode})", log=log)
    return FfmpegFailed(lines[-1].strip() if lines else f"FFmpeg exited with {returncode}", log=log)


def out_of_memory(lines: Sequence[str], returncode: int) -> bool:
    """True when a program failed because it got no more memory: the limit is ours, or the machine's."""
    return returncode != 0 and any(phrase in line for line in lines for phrase in _MEMORY)


def out_of_space(lines: Sequence[str]) -> bool:
    """True when the disk was full: FFmpeg then ends with exit code 0 and an unreadable MP4."""
    return any(phrase in line for line in lines for phrase in _DISK)
