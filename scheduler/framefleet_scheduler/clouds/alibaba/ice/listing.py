"""What listings of ICE's jobs take."""

from __future__ import annotations

from typing import Annotated

from framefleet_scheduler.clouds.alibaba.ice.reading import Asked
from framefleet_scheduler.clouds.alibaba.ice.types import Text, Whole
from framefleet_scheduler.clouds.fields import Wire, Works


class GetJob(Wire):
    """GetMediaConvertJob, GetSnapshotJob, GetDynamicImageJob."""

    JobId: Annotated[Text, Works("required; found for 7 days")] = None


class GetParentJob(Wire):
    """GetTranscodeJob."""

    ParentJobId: Annotated[Text, Works("required; found for 7 days")] = None


class _Listing(Wire):
    StartOfCreateTime: Annotated[Text, Works("7 days ago at the earliest")] = None
    EndOfCreateTime: Annotated[Text, Works()] = None
    OrderBy: Annotated[Text, Works("CreateTimeDesc (default), CreateTimeAsc")] = None
    PageSize: Annotated[Whole, Works("1 to 100 (20)")] = None
    NextPageToken: Annotated[Text, Works()] = None


class ListMediaConvertJobs(_Listing):
    """The operation."""

    JobId: Annotated[Text, Works()] = None
    Status: Annotated[Text, Works("Inited, Running, Complete, Error, Cancelled; also Success, Failed and Canceled")] = (
        None
    )


class ListJobs(_Listing):
    """ListSnapshotJobs, ListDynamicImageJobs."""

    JobId: Annotated[Text, Works()] = None
    Status: Annotated[Text, Works("Init, Success, Fail")] = None


class ListTranscodeJobs(_Listing):
    """The operation."""

    ParentJobId: Annotated[Text, Works()] = None
    Status: Annotated[
        Text, Works("Init, Success, Fail; of jobs whose outputs have failed in part, see the page's differences")
    ] = None


def asked_of(asked: ListMediaConvertJobs | ListJobs | ListTranscodeJobs) -> Asked:
    """What all of them ask for."""
    job = asked.ParentJobId if isinstance(asked, ListTranscodeJobs) else asked.JobId
    return Asked(
        job_id=job,
        status=asked.Status,
        start=asked.StartOfCreateTime,
        end=asked.EndOfCreateTime,
        order=asked.OrderBy,
        size=asked.PageSize,
        token=asked.NextPageToken,
    )
