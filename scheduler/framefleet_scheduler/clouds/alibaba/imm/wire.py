"""What IMM's requests have in common. Names are those of the API: `project_name` is `ProjectName`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from framefleet_scheduler.clouds.fields import OR_NONE, Ignored, Wire, Works


class ImmWire(Wire):
    """Base of IMM's objects."""

    model_config = ConfigDict(alias_generator=to_pascal, allow_inf_nan=False)


ProjectName = Annotated[str, Works(), Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$")]
Uri = Annotated[str, Field(min_length=1, max_length=4096)]
_Listed = Annotated[tuple[Annotated[int, Field(ge=-1, le=1_000_000)], ...], Field(max_length=100)]
Streams = Annotated[_Listed | None, OR_NONE]


def _texts(value: Any) -> Any:
    """Values of tags are texts; SDKs send what a program has."""
    if not isinstance(value, dict):
        return value
    return {
        key: held if isinstance(held, str) else str(held).lower() if isinstance(held, bool) else str(held)
        for key, held in value.items()
        if isinstance(held, str | int | float)
    }


Tags = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^=&\x00-\x1f]+$")],
        Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f]*$")],
    ],
    BeforeValidator(_texts),
    Field(max_length=30),
]


class CredentialConfig(ImmWire):
    """Roles of the cloud."""


Credentials = Annotated[CredentialConfig | None, Ignored("storages have the credentials here")]
