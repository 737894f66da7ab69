"""What `framefleet-worker` refuses before it starts any slot."""

from __future__ import annotations

import pytest

from framefleet_workers.__main__ import main


def test_without_a_store_no_slot_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FRAMEFLEET_S3_ENDPOINT", raising=False)
    monkeypatch.setenv("FRAMEFLEET_LOG_FORMAT", "json")

    assert main(["--slots", "1"]) == 1

    said = capsys.readouterr()
    assert "FRAMEFLEET_S3_ENDPOINT" in said.out + said.err
    assert "invalid_settings" in said.out + said.err


@pytest.mark.parametrize("slots", ["0", "-1", "513"])
def test_a_number_of_slots_that_cannot_be_is_bad_usage(slots: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--slots", slots])
    assert caught.value.code == 2
