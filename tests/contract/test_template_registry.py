"""Writers of templates in several processes, over a directory and over S3 on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.domain.errors import TemplateExists
from framefleet.ports import ObjectStore
from framefleet.templates import TemplateRegistry
from tests.contract.stores import open_s3, race
from tests.services import S3

WRITERS = 6


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "directory":
        yield DirectoryStore(tmp_path)
        return
    server: S3 = request.getfixturevalue("s3_server")
    opened = open_s3(server, request.getfixturevalue("s3_bucket"))
    yield opened
    opened.close()


def test_one_of_several_creators_wins_and_each_update_is_a_version_of_its_own(store: ObjectStore) -> None:
    registries = [TemplateRegistry(store) for _ in range(WRITERS)]

    def create(n: int) -> bool:
        try:
            registries[n].create("mine", {"kind": "snapshot", "count": n + 1})
        except TemplateExists:
            return False
        return True

    assert race(WRITERS, create).count(True) == 1

    def update(n: int) -> bool:
        made = registries[n].update("mine", {"kind": "snapshot", "count": n + 1})
        return bool((made.settings or {})["count"] == n + 1)

    assert race(WRITERS, update).count(True) == WRITERS
    versions = TemplateRegistry(store).versions("mine")
    assert [v.version for v in versions] == list(range(1, WRITERS + 2))
    assert sorted((v.settings or {})["count"] for v in versions[1:]) == list(range(1, WRITERS + 1))


def test_a_deleted_template_can_be_made_again(store: ObjectStore) -> None:
    templates = TemplateRegistry(store)
    templates.create("mine", {"kind": "remux"})
    templates.delete("mine")

    assert templates.all() == []
    assert templates.create("mine", {"kind": "remux"}).version == 3
    assert [t.reference for t in TemplateRegistry(store).all()] == ["mine@3"]
