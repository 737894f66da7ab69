"""Settings: read from the environment, checked, described without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from framefleet.settings import (
    ALL,
    CommandSettings,
    SchedulerSettings,
    Settings,
    SettingsError,
    WorkerSettings,
    describe,
    load,
    mask,
)


def test_an_empty_environment_gives_the_defaults() -> None:
    settings, warnings = load(WorkerSettings, {})

    assert warnings == []
    assert settings.lease_seconds == 20
    assert settings.beat_seconds == 6
    assert settings.max_pixels == 8192 * 4320
    assert settings.max_source_bytes == 1 << 40
    assert settings.metrics_port == 9109
    assert load(SchedulerSettings, {})[0].metrics_port == 9108


def test_an_empty_variable_counts_as_not_set() -> None:
    settings, _ = load(Settings, {"FRAMEFLEET_MAX_DURATION": "", "FRAMEFLEET_FFMPEG": ""})

    assert settings.max_duration == 86_400
    assert settings.ffmpeg is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_authority_that_is_none_is_refused_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match=f"FRAMEFLEET_TLS_CA: {path}"):
        load(Settings, {"FRAMEFLEET_TLS_CA": str(path)})


@pytest.mark.parametrize("kind", [SchedulerSettings, CommandSettings])
def test_a_short_seal_key_is_refused_at_the_start_and_not_shown(
    kind: type[SchedulerSettings | CommandSettings],
) -> None:
    for short in ("k", "k" * 31):
        with pytest.raises(SettingsError, match=r"^FRAMEFLEET_SEAL_KEY: a seal key has 32 characters at least$"):
            load(kind, {"FRAMEFLEET_SEAL_KEY": short})

    environ = {"FRAMEFLEET_SEAL_KEY": "k" * 32}
    settings, warnings = load(kind, environ)
    assert (settings.seal_key.get_secret_value(), warnings) == ("k" * 32, [])
    assert ("FRAMEFLEET_SEAL_KEY", "***", "environment") in describe(settings, environ)
    assert load(kind, {"FRAMEFLEET_SEAL_KEY": ""})[0].seal_key.get_secret_value() == ""


def test_lists_are_split() -> None:
    settings, _ = load(WorkerSettings, {"FRAMEFLEET_FILE_ROOTS": "/a:/b", "FRAMEFLEET_TAGS": "cpu, gpu"})

    assert settings.file_roots == (Path("/a"), Path("/b"))
    assert settings.tags == ("cpu", "gpu")


def test_an_unknown_variable_is_a_warning_that_names_the_nearest() -> None:
    _, warnings = load(Settings, {"FRAMEFLEET_BROKER_ULR": "x", "OTHER": "y"})

    assert warnings == ["FRAMEFLEET_BROKER_ULR is not a setting; did you mean FRAMEFLEET_BROKER_URL?"]


def test_a_variable_of_another_service_is_no_warning() -> None:
    _, warnings = load(SchedulerSettings, {"FRAMEFLEET_SLOTS": "4"})

    assert warnings == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FRAMEFLEET_LEASE_SECONDS", "soon"),
        ("FRAMEFLEET_METRICS_PORT", "70000"),
        ("FRAMEFLEET_S3_SECURE", "maybe"),
        ("FRAMEFLEET_TAGS", "cpu,tpu"),
        ("FRAMEFLEET_SLOTS", "0"),
        ("FRAMEFLEET_LOG_LEVEL", "loud"),
        ("FRAMEFLEET_BEAT_SECONDS", "11"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_line_with_the_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(WorkerSettings, {variable: value})

    assert str(refused.value).startswith(f"{variable}: ")
    assert "\n" not in str(refused.value)


def test_levels_may_be_written_in_capitals() -> None:
    assert load(Settings, {"FRAMEFLEET_LOG_LEVEL": "INFO", "FRAMEFLEET_LOG_FORMAT": "JSON"})[0].log_level == "info"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load(Settings, {})[0].work_bucket = "other"


def test_a_description_has_every_setting_its_source_and_no_secret() -> None:
    environ = {
        "FRAMEFLEET_BROKER_URL": "amqp://user:hunter2@mq:5672/",
        "FRAMEFLEET_S3_SECRET_KEY": "hunter2",
        "FRAMEFLEET_TAGS": "cpu,gpu",
    }
    settings, _ = load(WorkerSettings, environ)

    rows = {name: (value, source) for name, value, source in describe(settings, environ)}

    assert rows["FRAMEFLEET_BROKER_URL"] == ("amqp://user:***@mq:5672/", "environment")
    assert rows["FRAMEFLEET_S3_SECRET_KEY"] == ("***", "environment")
    assert rows["FRAMEFLEET_TAGS"] == ("cpu,gpu", "environment")
    assert rows["FRAMEFLEET_WORK_BUCKET"] == ("framefleet", "default")
    assert set(rows) == set(settings.variable_names)
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("redis://:pw@h/0", "redis://:***@h/0"),
        ("amqp://u:p@ss/w@h/", "amqp://u:***@h/"),
        ("redis://h/0?password=pw&db=1", "redis://h/0?password=***&db=1"),
        ("redis://h/0", "redis://h/0"),
        ("plain", "***"),
        ("", ""),
    ],
)
def test_passwords_are_masked(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_every_setting_is_described() -> None:
    for kind in ALL:
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name}"


def test_topics_are_names_of_addresses() -> None:
    settings, _ = load(
        SchedulerSettings, {"FRAMEFLEET_CLOUD_TOPICS": '{"mine": "https://user:pw@h.example/x?token=1"}'}
    )

    assert settings.cloud_topics == {"mine": "https://user:pw@h.example/x?token=1"}
    shown = next(text for name, text, _ in describe(settings, {}) if name == "FRAMEFLEET_CLOUD_TOPICS")
    assert "mine" in shown
    assert "pw" not in shown
    assert "token=1" not in shown


@pytest.mark.parametrize("text", ["x", "[]", '{"a": 1}', '{"a": "ftp://h.example/"}'])
def test_topics_that_are_none_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="FRAMEFLEET_CLOUD_TOPICS"):
        load(SchedulerSettings, {"FRAMEFLEET_CLOUD_TOPICS": text})
