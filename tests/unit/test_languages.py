"""Language codes of files."""

from __future__ import annotations

import pytest

from framefleet.domain.languages import same_language, three_letters, written


@pytest.mark.parametrize(
    ("code", "mov", "elsewhere"),
    [
        ("de", "ger", "deu"),
        ("ger", "ger", "deu"),
        ("fr", "fra", "fra"),
        ("sv", "sve", "swe"),
        ("en-GB", "eng", "eng"),
        ("qaa", "qaa", "qaa"),
    ],
)
def test_quicktime_has_names_of_its_own(code: str, mov: str, elsewhere: str) -> None:
    assert (mov, elsewhere) == (written(code, "mov"), written(code, "mkv"))
    assert three_letters(mov) == elsewhere
    assert same_language(mov, code)
