"""Users' templates: versions that never change, names that are told apart, documents that are checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from framefleet.domain.custom import LAST_VERSION, MAX_DOCUMENT_BYTES, TemplateVersion, checked
from framefleet.domain.errors import (
    FramefleetError,
    InvalidTemplate,
    StoreUnavailable,
    TemplateChanged,
    TemplateExists,
    UnknownTemplate,
)
from framefleet.domain.stills import SnapshotTemplate
from framefleet.domain.task import accept, parse_request
from framefleet.templates import FRESH_SECONDS, TemplateRegistry, parse_document
from tests.factories import NOW, request
from tests.fakes import FakeClock, MemoryStore

STILLS = {"kind": "snapshot", "count": 5, "description": "Five stills"}


class Desk:
    """A registry over a store in memory, and another one over the same store, as another process has it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.mine, self.other = self.registry(), self.registry()

    def registry(self) -> TemplateRegistry:
        return TemplateRegistry(self.store, now=self.clock.now, monotonic=self.clock.monotonic)

    def count(self, reference: str) -> int:
        """What a task accepted now is made with."""
        target = {"name": "x", "template": reference, "uri": "s3://out/x_{index}.jpg"}
        settings = accept(parse_request(request(target)), now=NOW, templates=self.mine).targets[0].settings
        assert isinstance(settings, SnapshotTemplate)
        return settings.count or 0


@pytest.fixture
def desk() -> Desk:
    return Desk()


def refused(call: Callable[[], object]) -> FramefleetError:
    with pytest.raises(FramefleetError) as caught:
        call()
    return caught.value


# --- versions -------------------------------------------------------------------------------


def test_a_template_is_used_by_its_name_and_a_task_says_which_version_it_has(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    target = {"name": "x", "template": "stills", "uri": "s3://out/x_{index}.jpg", "overrides": {"format": "png"}}

    made = accept(parse_request(request(target)), now=NOW, templates=desk.mine).targets[0]

    assert made.template == "stills@1"
    assert isinstance(made.settings, SnapshotTemplate)
    assert (made.settings.count, made.settings.format) == (5, "png")


def test_an_update_is_a_new_version_and_the_old_one_stays(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)

    made = desk.mine.update("stills", STILLS | {"count": 7})

    assert made.reference == "stills@2"
    assert (desk.count("stills"), desk.count("stills@1"), desk.count("stills@2")) == (7, 5, 7)
    assert [v.version for v in desk.mine.versions("stills")] == [1, 2]


def test_objects_of_versions_are_never_written_again(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    before = dict(desk.store.objects)

    desk.mine.update("stills", STILLS | {"count": 7})
    desk.mine.delete("stills")

    assert before.items() <= desk.store.objects.items()
    assert sorted(desk.store.objects) == [f"templates/stills/00000{n}.json" for n in (1, 2, 3)]


def test_what_another_process_changed_is_seen_within_seconds(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    assert desk.count("stills") == 5

    desk.other.update("stills", STILLS | {"count": 7})
    desk.clock.pass_(FRESH_SECONDS)

    assert desk.count("stills") == 7


def test_what_was_changed_here_is_seen_at_once(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    assert desk.count("stills") == 5

    desk.mine.update("stills", STILLS | {"count": 7})

    assert desk.count("stills") == 7


def test_one_look_at_the_store_serves_many_tasks(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    desk.count("stills")
    desk.store.away = True

    assert desk.count("stills") == 5
    desk.clock.pass_(FRESH_SECONDS)
    with pytest.raises(StoreUnavailable):
        desk.count("stills")


def test_a_store_that_is_away_does_not_hinder_predefined_templates(desk: Desk) -> None:
    desk.store.away = True

    assert desk.count("snapshot") == 3


def test_two_writers_make_two_versions(desk: Desk) -> None:
    """The other one comes between this one's look and its write."""
    desk.mine.create("stills", STILLS)
    create = desk.store.create

    def overtaken(key: str, data: bytes) -> bool:
        desk.store.create = create  # type: ignore[method-assign]
        desk.other.update("stills", STILLS | {"count": 6})
        return create(key, data)

    desk.store.create = overtaken  # type: ignore[method-assign]

    assert desk.mine.update("stills", STILLS | {"count": 7}).version == 3
    assert (desk.count("stills@2"), desk.count("stills@3")) == (6, 7)


def test_a_writer_who_names_the_version_it_has_seen_is_refused_when_that_is_old(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    desk.other.update("stills", STILLS)

    assert isinstance(refused(lambda: desk.mine.update("stills", STILLS, version=1)), TemplateChanged)
    assert isinstance(refused(lambda: desk.mine.delete("stills", version=1)), TemplateChanged)
    assert desk.mine.update("stills", STILLS, version=2).version == 3


def test_a_store_that_denies_its_own_creation_is_not_taken_for_another_writer(desk: Desk) -> None:
    create = desk.store.create

    def denying(key: str, data: bytes) -> bool:
        create(key, data)
        return False  # the answer to the first try was lost, the second found the object

    desk.store.create = denying  # type: ignore[method-assign]

    assert desk.mine.create("stills", STILLS).version == 1
    assert desk.mine.update("stills", STILLS).version == 2


# --- names ----------------------------------------------------------------------------------


def test_a_name_is_taken_once(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)

    error = refused(lambda: desk.other.create("stills", STILLS))

    assert isinstance(error, TemplateExists)
    assert error.field == "name"


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "mine@2", "-x", "x" * 65, "a\n", "é"])
def test_a_name_that_is_none_is_refused(desk: Desk, name: str) -> None:
    error = refused(lambda: desk.mine.create(name, STILLS))

    assert (error.code, error.field) == ("invalid_template", "name")
    assert desk.store.objects == {}


@pytest.mark.parametrize("name", ["hls-h264", "HLS-h264", "snapshot"])
def test_predefined_names_are_reserved(desk: Desk, name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: desk.mine.create(name, STILLS),
        lambda: desk.mine.update(name, STILLS),
        lambda: desk.mine.delete(name),
    ]
    for call in calls:
        error = refused(call)
        assert "predefined" in error.message
        assert f"base: {name.lower()}" in (error.hint_text or "")


@pytest.mark.parametrize("name", ["nope", "stills@3", "stills@0", "stills@", "snapshot@1", "stills@9999999"])
def test_what_does_not_exist_is_told_with_the_place_in_the_request(desk: Desk, name: str) -> None:
    desk.mine.create("stills", STILLS)

    error = refused(lambda: desk.count(name))

    assert (error.code, error.field) == ("unknown_template", "targets[0].template")


def test_hints_know_the_users_templates_and_their_versions(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)

    assert "did you mean stills?" in refused(lambda: desk.count("still")).message
    assert "the latest is 1" in refused(lambda: desk.count("stills@3")).message
    assert "did you mean stills?" in refused(lambda: desk.mine.get("stils")).message


# --- deletion -------------------------------------------------------------------------------


def test_a_deleted_template_and_its_versions_are_gone_for_new_tasks(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    desk.mine.update("stills", STILLS)

    desk.mine.delete("stills")

    for name in ("stills", "stills@1", "stills@2", "stills@3"):
        assert "was deleted" in refused(lambda name=name: desk.count(name)).message  # type: ignore[misc]
    assert desk.mine.all() == []
    assert "stills" not in desk.mine.names()
    assert isinstance(refused(lambda: desk.mine.update("stills", STILLS)), UnknownTemplate)
    assert isinstance(refused(lambda: desk.mine.delete("stills")), UnknownTemplate)


def test_a_template_made_again_goes_on_counting_and_does_not_bring_old_versions_back(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    desk.mine.delete("stills")

    made = desk.mine.create("stills", STILLS | {"count": 9})

    assert made.version == 3
    assert (desk.count("stills"), desk.count("stills@3")) == (9, 9)
    assert isinstance(refused(lambda: desk.count("stills@1")), UnknownTemplate)
    assert [v.version for v in desk.mine.versions("stills")] == [3]


# --- documents ------------------------------------------------------------------------------


def test_a_document_can_change_another_template(desk: Desk) -> None:
    desk.mine.create("first", {"base": "snapshot", "count": 4})
    desk.mine.create("second", {"base": "first", "format": "png"})
    desk.mine.update("first", {"base": "snapshot", "count": 8})

    second = desk.mine.get("second").settings or {}

    assert (second["kind"], second["count"], second["format"]) == ("snapshot", 4, "png")
    assert "base" not in second


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ({"kind": "snapshot", "cuont": 3}, "unknown_field", "cuont"),
        ({"kind": "snapshot", "count": 0}, "invalid_template", "count"),
        ({"base": "hls-h264", "renditions": [{"name": "a", "video": {"crf": 99}}]}, "invalid_template", "renditions[0].video.crf"),
        ({"base": "webm-vp9-720p", "audio": {"codec": "aac"}}, "invalid_template", "audio.codec"),
        ({"base": "nope"}, "unknown_template", "base"),
        ({"base": 3}, "invalid_template", "base"),
        ({"count": 3}, "invalid_template", "kind"),
        ({}, "invalid_template", "kind"),
        ([], "invalid_template", None),
        (None, "invalid_template", None),
        ("kind: snapshot", "invalid_template", None),
        ({"kind": "snapshot", "description": NOW}, "invalid_template", None),
        ({"kind": "snapshot", "count": float("inf")}, "invalid_template", None),
        ({"kind": "snapshot", "description": "x" * MAX_DOCUMENT_BYTES}, "invalid_template", None),
    ],
)  # fmt: skip
def test_I7_a_bad_document_is_refused_with_the_field_and_nothing_is_stored(
    desk: Desk, document: Any, code: str, field: str | None
) -> None:
    error = refused(lambda: desk.mine.create("mine", document))

    assert (code, field) == (error.code, error.field)
    assert desk.store.objects == {}


def test_a_document_that_holds_itself_is_refused() -> None:
    circle: dict[str, Any] = {"kind": "snapshot"}
    circle["circle"] = circle

    with pytest.raises(InvalidTemplate):
        checked(circle)


@pytest.mark.parametrize(
    "text", ["{kind: snapshot, count: 5}", '{"kind": "snapshot", "count": 5}', "kind: snapshot\ncount: 5\n"]
)
def test_documents_are_yaml_or_json(text: str) -> None:
    assert parse_document(text) == {"kind": "snapshot", "count": 5}


@pytest.mark.parametrize(
    "text", ["{", "a: [", "\x00", "- a\nb: c", "!!python/object/apply:os.system [echo]", "[" * 5000]
)
def test_text_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(InvalidTemplate):
        parse_document(text)


def test_a_number_as_json_writes_it_is_a_number() -> None:
    assert parse_document('{"max_bitrate": 1e6}') == {"max_bitrate": 1e6}


def test_versions_end_somewhere(desk: Desk) -> None:
    last = TemplateVersion(name="x", version=LAST_VERSION, first=1, created_at=NOW, settings=STILLS, nonce="n")
    desk.store.put(f"templates/x/{LAST_VERSION}.json", last.model_dump_json().encode())

    assert isinstance(refused(lambda: desk.mine.update("x", STILLS)), InvalidTemplate)


def test_objects_that_are_no_templates_are_passed_over(desk: Desk) -> None:
    desk.mine.create("stills", STILLS)
    for key in ("readme.txt", "stills/notes.txt", "stills/1.json", "a/b/000001.json"):
        desk.store.put(f"templates/{key}", b"hello")

    assert [v.name for v in desk.mine.all()] == ["stills"]
    assert desk.mine.get("stills").version == 1
