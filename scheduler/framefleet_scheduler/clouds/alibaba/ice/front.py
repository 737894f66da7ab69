"""The operations of Alibaba ICE (Intelligent Cloud Editing), API of 2020-11-09: which there are, and what answers each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.clouds.alibaba.ice import (
    callbacks,
    convert_jobs,
    picture_jobs,
    pipelines,
    templates,
    transcode_jobs,
    words,
)
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.gate import PER_SECOND

_Operation = Callable[[Engine, Call], dict[str, Any]]
OPERATIONS: Mapping[str, _Operation] = {
    "SubmitMediaConvertJob": convert_jobs.submit,
    "GetMediaConvertJob": convert_jobs.get,
    "ListMediaConvertJobs": convert_jobs.listed,
    "SubmitTranscodeJob": transcode_jobs.submit,
    "GetTranscodeJob": transcode_jobs.get,
    "ListTranscodeJobs": transcode_jobs.listed,
    "SubmitSnapshotJob": picture_jobs.submit_snapshot,
    "GetSnapshotJob": picture_jobs.get_snapshot,
    "ListSnapshotJobs": picture_jobs.list_snapshots,
    "GetSnapshotUrls": picture_jobs.snapshot_urls,
    "SubmitDynamicImageJob": picture_jobs.submit_animation,
    "GetDynamicImageJob": picture_jobs.get_animation,
    "ListDynamicImageJobs": picture_jobs.list_animations,
    "SubmitSyncMediaInfoJob": picture_jobs.media_info,
    "CreateCustomTemplate": templates.create,
    "GetCustomTemplate": templates.get,
    "UpdateCustomTemplate": templates.update,
    "DeleteCustomTemplate": templates.delete,
    "ListCustomTemplates": templates.listed,
    "SetDefaultCustomTemplate": templates.set_default,
    "GetSystemTemplate": templates.get_system,
    "ListSystemTemplates": templates.listed_system,
    "CreatePipeline": pipelines.create,
    "GetPipeline": pipelines.get,
    "ListPipelines": pipelines.listed,
    "UpdatePipeline": pipelines.update,
    "DeletePipeline": pipelines.delete,
    "SetEventCallback": callbacks.set_callback,
    "GetEventCallback": callbacks.get_callback,
}
_SEARCHES = frozenset(
    {"ListMediaConvertJobs", "ListTranscodeJobs", "ListSnapshotJobs", "ListDynamicImageJobs", "ListCustomTemplates"}
)
_FILTERS = ("Status", "Subtype", "Name")
SEARCHES_PER_SECOND = 20.0
"""Lists with a filter, from one tenant: each looks at up to 1,000 jobs, or 500 templates, to show some of them."""


class Ice:
    """Implements `framefleet_scheduler.clouds.call.Front`."""

    name = "ice"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def knows(self, action: str) -> bool:
        """Whether it is offered."""
        return action in OPERATIONS

    def meter(self, call: Call) -> tuple[str, float]:
        """Each operation by key: ICE's own rates are not public, and those of its sister product are the same. Lists that look at
        more than they show count together for a tenant.
        """
        if call.action in _SEARCHES and any(call.parameters.get(name) for name in _FILTERS):
            return f"{self.name} lists {call.tenant}", SEARCHES_PER_SECOND
        return f"{self.name} {call.action} {call.caller.id}", PER_SECOND

    def answer(self, call: Call) -> dict[str, Any]:
        """What the operation answers."""
        return OPERATIONS[call.action](self._engine, call)

    def refused(self, error: FramefleetError) -> Refusal:
        """In their words."""
        return words.refused(error)
