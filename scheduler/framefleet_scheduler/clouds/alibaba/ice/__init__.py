"""Alibaba ICE (Intelligent Cloud Editing), API of 2020-11-09."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from framefleet_scheduler.clouds.alibaba.ice import convert, kept, listing, stills, transcode

DOCUMENTED: Mapping[str, type[BaseModel]] = {
    "SubmitMediaConvertJob": convert.SubmitMediaConvertJob,
    "GetMediaConvertJob": listing.GetJob,
    "ListMediaConvertJobs": listing.ListMediaConvertJobs,
    "SubmitTranscodeJob": transcode.SubmitTranscodeJob,
    "GetTranscodeJob": listing.GetParentJob,
    "ListTranscodeJobs": listing.ListTranscodeJobs,
    "SubmitSnapshotJob": stills.SubmitSnapshotJob,
    "GetSnapshotJob": listing.GetJob,
    "ListSnapshotJobs": listing.ListJobs,
    "GetSnapshotUrls": stills.GetSnapshotUrls,
    "SubmitDynamicImageJob": stills.SubmitDynamicImageJob,
    "GetDynamicImageJob": listing.GetJob,
    "ListDynamicImageJobs": listing.ListJobs,
    "SubmitSyncMediaInfoJob": stills.SubmitSyncMediaInfoJob,
    "CreateCustomTemplate": kept.CreateCustomTemplate,
    "GetCustomTemplate": kept.GetCustomTemplate,
    "UpdateCustomTemplate": kept.UpdateCustomTemplate,
    "DeleteCustomTemplate": kept.TemplateNamed,
    "ListCustomTemplates": kept.ListCustomTemplates,
    "SetDefaultCustomTemplate": kept.TemplateNamed,
    "GetSystemTemplate": kept.TemplateNamed,
    "ListSystemTemplates": kept.ListSystemTemplates,
    "CreatePipeline": kept.CreatePipeline,
    "GetPipeline": kept.PipelineNamed,
    "ListPipelines": kept.ListPipelines,
    "UpdatePipeline": kept.UpdatePipeline,
    "DeletePipeline": kept.PipelineNamed,
    "SetEventCallback": kept.SetEventCallback,
}
"""Operations whose fields are told in docs/howto, with what they take."""
