"""Writes the names of settings into the chart's schema, which refuses others; part of `make docs`."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import SecretStr

from framefleet.settings import SchedulerSettings, Settings, WorkerSettings
from tests.chart.rendering import CHART

SET_BY_THE_CHART = {
    "BROKER_URL", "REDIS_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_SECURE", "S3_REGION", "WORK_BUCKET",
    "TLS_CA", "STORAGES", "STORAGE_SECRETS",
    "METRICS_HOST", "METRICS_PORT", "SCRATCH", "SCRATCH_BYTES", "API_HOST", "API_PORT", "API_KEYS", "TAGS", "SLOTS",
    "WEBHOOK_SECRET", "SEAL_KEY", "ALLOW_PRIVATE_WEBHOOKS", "GRACE_SECONDS", "LOG_FORMAT",
}  # fmt: skip
"""What has a value of its own, or is a secret."""


def names(kind: type[Settings]) -> list[str]:
    """Settings that a user of the chart may give as values; secrets come from Secrets, by `extraEnv` where nothing else does."""
    plain = {name.upper() for name, field in kind.model_fields.items() if field.annotation is not SecretStr}
    return sorted(plain - SET_BY_THE_CHART)


def places(schema: dict[str, Any]) -> list[tuple[dict[str, Any], type[Settings]]]:
    """Where the schema has them."""
    of = schema["properties"]
    return [
        (of["config"], Settings),
        (of["scheduler"]["properties"]["config"], SchedulerSettings),
        (of["workers"]["properties"]["config"], WorkerSettings),
    ]


def main() -> int:
    path = CHART / "values.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    for place, kind in places(schema):
        place["propertyNames"] = {"enum": names(kind)}
    path.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
