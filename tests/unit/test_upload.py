"""Parts and names of uploads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.adapters.parts import Part, latest
from framefleet.domain.address import parse
from framefleet.domain.upload import MOST_PARTS, harmless_name, new_upload_id, part_bytes
from tests.factories import NOW


@given(st.text(max_size=400))
def test_I9_whatever_a_file_is_called_its_name_is_one_part_of_an_address(name: str) -> None:
    made = harmless_name(name)

    address = parse(f"storage://uploads/{new_upload_id()}/{made}")
    assert address.key.count("/") == 1 and address.key.endswith(f"/{made}")
    assert 1 <= len(made.encode()) <= 160
    assert not made.startswith(".") and "\\" not in made and '"' not in made and made.isprintable()


@pytest.mark.parametrize(("size", "made"), [(1, 8 << 20), (80_000 << 20, 8 << 20), (1 << 40, 105 << 20)])
def test_large_files_have_larger_parts(size: int, made: int) -> None:
    assert part_bytes(size) == made
    assert -(-size // made) <= MOST_PARTS


def test_of_two_parts_of_one_number_the_later_counts_and_none_when_nobody_knows() -> None:
    def part(n: int, etag: str, seconds: int) -> Part:
        return Part(n, 10, etag, NOW + timedelta(seconds=seconds))

    listed = [part(2, "new", 5), part(2, "old", 3), part(1, "a", 1), part(1, "a", 1), part(3, "x", 1), part(3, "y", 1)]

    assert [(p.n, p.etag) for p in latest(listed)] == [(1, "a"), (2, "new")]
