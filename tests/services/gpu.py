"""A GPU for machines that have none: an `ffmpeg` that encodes what is meant for NVENC with libx264 or libx265.

Told to, it fails as a real one does: with the sentences FFmpeg writes when the driver, the card or a session is gone.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

FAULTS = {
    "driver": ["Cannot load libcuda.so.1"],
    "card": [
        "dl_fn->cuda_dl->cuInit(0) failed -> CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
        "No capable devices found",
    ],
    "memory": [
        "dl_fn->cuda_dl->cuCtxCreate(&ctx->cu_context_internal, 0, cu_device) failed -> CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "No capable devices found",
    ],
    "sessions": ["OpenEncodeSessionEx failed: incompatible client key (21): (no details)"],
    "middle": ["EncodePicture failed!: generic error (20): ", "Error submitting video frame to the encoder"],
}
"""What to say, by what is wrong."""
_LAST = "Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0"

_SCRIPT = """#!{python}
import json, os, sys
FAULT, FFMPEG = {fault!r}, {ffmpeg!r}
STAND_IN = {{"h264_nvenc": "libx264", "hevc_nvenc": "libx265"}}
PARAMS = {{"libx264": "x264-params", "libx265": "x265-params"}}
PLAIN = {{"libx264": "scenecut=0:open-gop=0:stitchable=1",
         "libx265": "pools=1:frame-threads=1:scenecut=0:open-gop=0:log-level=error:info=0"}}
DROPPED = {{"rc", "multipass", "b_ref_mode", "no-scenecut", "strict_gop", "spatial-aq", "rc-lookahead", "tune"}}
given = sys.argv[1:]
if not any(word.endswith("_nvenc") for word in given):
    os.execv(FFMPEG, [FFMPEG, *given])
if os.path.exists(FAULT):
    for line in json.load(open(FAULT)):
        print("[h264_nvenc @ 0x55ba06f470c0]", line, file=sys.stderr)
    sys.exit(1)
args = iter(given)
said = []
for word in args:
    name = word[1:].split(":")[0] if word.startswith("-") else ""
    if word.startswith("-c:v") or word.startswith("-vcodec"):
        family = STAND_IN.get(value := next(args), value)
        said += [word, family]
        if family != value:
            said += ["-threads", "1", "-" + PARAMS[family], PLAIN[family]]
    elif name in DROPPED:
        next(args)
    elif name == "cq":
        said += ["-crf", next(args)]
    elif name == "b" and word.startswith("-b:v"):
        if (value := next(args)) != "0":
            said += [word, value]
    elif name == "preset":
        next(args)
        said += [word, "ultrafast"]
    else:
        said.append(word)
os.execv(FFMPEG, [FFMPEG, *said])
"""


class Gpu:
    """A stand-in in a folder of its own: `ffmpeg` is its path, `fail` and `heal` what happens to it."""

    def __init__(self, folder: Path, ffmpeg: str) -> None:
        """`ffmpeg` is the real one."""
        folder.mkdir(parents=True, exist_ok=True)
        self._fault = folder / "fault.json"
        self.ffmpeg = folder / "ffmpeg"
        real = shutil.which(ffmpeg) or ffmpeg
        self.ffmpeg.write_text(_SCRIPT.format(python=sys.executable, fault=str(self._fault), ffmpeg=real))
        self.ffmpeg.chmod(0o755)

    def fail(self, how: str) -> None:
        """From now on every encode on the GPU fails like this."""
        part = self._fault.with_suffix(".part")
        part.write_text(json.dumps([*FAULTS[how], _LAST]))
        part.rename(self._fault)

    def heal(self) -> None:
        """All is well again."""
        self._fault.unlink(missing_ok=True)
