"""What FFmpeg says last, and which of our errors it is. The sentences are FFmpeg's, as people have reported them."""

from __future__ import annotations

import pytest

from framefleet.domain.errors import EncoderBusy, EncoderUnavailable, FfmpegFailed, FramefleetError, Retry
from framefleet.media.diagnose import work_error

NOT_OPENED = (
    "Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0 - maybe incorrect"
    " parameters such as bit_rate, rate, width or height"
)
NO_CONTEXT = (
    "dl_fn->cuda_dl->cuCtxCreate(&ctx->cu_context_internal, 0, cu_device) failed -> CUDA_ERROR_OUT_OF_MEMORY: out of"
    " memory"
)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        # the limit of sessions: older drivers, and those since 2024
        (["OpenEncodeSessionEx failed: out of memory (10): (no details)", NOT_OPENED], EncoderBusy),
        (["OpenEncodeSessionEx failed: incompatible client key (21): (no details)", NOT_OPENED], EncoderBusy),
        # the card's memory
        (
            [
                NO_CONTEXT,
                "No capable devices found",
                NOT_OPENED,
            ],
            EncoderBusy,
        ),
        (["InitializeEncoder failed: out of memory (10): ", NOT_OPENED, "Cannot allocate memory"], EncoderBusy),
        # no driver, no card, a driver of another age
        (["Cannot load libcuda.so.1", NOT_OPENED], EncoderUnavailable),
        (["Cannot load libnvidia-encode.so.1", NOT_OPENED], EncoderUnavailable),
        (
            [
                "dl_fn->cuda_dl->cuInit(0) failed -> CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
                "No capable devices found",
            ],
            EncoderUnavailable,
        ),
        (["cu->cuInit(0) failed -> CUDA_ERROR_UNKNOWN: unknown error"], EncoderUnavailable),
        (
            [
                "Driver does not support the required nvenc API version. Required: 12.1 Found: 11.0",
                "The minimum required Nvidia driver for nvenc is 530.41.03 or newer",
                NOT_OPENED,
            ],
            EncoderUnavailable,
        ),
        (
            ["10 bit encode not supported", "Provided device doesn't support required NVENC features"],
            EncoderUnavailable,
        ),
        # lost in the middle
        (
            ["EncodePicture failed!: generic error (20): ", "Error submitting video frame to the encoder"],
            EncoderUnavailable,
        ),
        (["Failed locking bitstream buffer: invalid param (8): "], EncoderUnavailable),
        # settings that no card takes
        (["InitializeEncoder failed: invalid param (8): Preset P1 to P7 not supported", NOT_OPENED], FfmpegFailed),
    ],
)
def test_what_a_gpu_says_is_told_apart(said: list[str], error: type[FramefleetError]) -> None:
    found = work_error([f"[h264_nvenc @ 0x55ba06f470c0] {said[0]}", *said[1:]], 1)
    assert type(found) is error
    assert found.retry is (Retry.PERMANENT if error is FfmpegFailed else Retry.RESOURCE)
