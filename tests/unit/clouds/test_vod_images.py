"""Images of VOD's templates of watermarks: they go when nobody can need them any more, and not before."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from framefleet.domain.errors import StoreUnavailable
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.tencent.vod import images, watermarks
from framefleet_scheduler.clouds.tencent.vod.library import Library
from tests.unit.clouds.desks import Around

FOLDER = "default/0/watermarks/"


class Vod:
    """Calls about templates, and the files in the storage."""

    def __init__(self) -> None:
        self.around = Around()
        locate: Any = lambda address: SimpleNamespace(store=self.around.store, key=address.key)  # noqa: E731
        self.engine = Engine(replace(self.around.desk, locate=locate))

    def create(self, picture: bytes, **more: Any) -> int:
        found = watermarks.create(self.engine, self._call(Type="image", ImageTemplate=_content(picture), **more))
        return int(found["Definition"])

    def modify(self, number: int, **more: Any) -> None:
        watermarks.modify(self.engine, self._call(Definition=number, **more))

    def delete(self, number: int) -> None:
        watermarks.delete(self.engine, self._call(Definition=number))

    def pass_(self, time: timedelta) -> None:
        """And somebody changes templates then."""
        self.around.clock.pass_(time.total_seconds())
        watermarks.create(self.engine, self._call(Type="text"))

    def images(self) -> list[bytes]:
        return sorted(body for key, body in self.around.store.objects.items() if FOLDER in key)

    def _call(self, **asked: Any) -> Any:
        return self.around.call("Watermark", **asked)


def _content(picture: bytes) -> dict[str, str]:
    return {"ImageContent": base64.b64encode(picture).decode()}


OLD, NEW = b"GIF8 old", b"GIF8 new"
SOON = timedelta(seconds=1)


def test_an_image_goes_a_week_after_its_template() -> None:
    vod = Vod()
    number = vod.create(OLD)
    vod.delete(number)
    vod.pass_(images.STAYS - SOON)
    assert vod.images() == [OLD]  # a task that waits may read it

    vod.pass_(2 * SOON)
    assert vod.images() == []
    left = [key for key in vod.around.store.objects if "let-go" in key]
    assert left == []


def test_an_image_goes_when_its_template_has_another_one() -> None:
    vod = Vod()
    number = vod.create(OLD)
    vod.modify(number, Name="the same image")
    vod.modify(number, ImageTemplate=_content(NEW))
    assert vod.images() == [NEW, OLD]

    vod.pass_(images.STAYS + SOON)
    assert vod.images() == [NEW]


def test_the_same_image_of_another_template_stays() -> None:
    vod = Vod()
    gone, kept = vod.create(OLD), vod.create(OLD)
    vod.delete(gone)
    vod.pass_(images.STAYS + SOON)

    assert vod.images() == [OLD]
    library = Library(vod.engine, vod.around.call("DescribeWatermarkTemplates"), 0)
    uri = watermarks._shelf(library).find(watermarks.KIND, kept).ImageTemplate.Uri
    assert vod.around.store.get(uri.removeprefix("storage://vod/")) == OLD


def test_nothing_stays_of_a_template_that_is_refused() -> None:
    vod = Vod()
    with pytest.raises(Refusal):
        vod.create(OLD, XPos="far")
    number = vod.create(OLD)
    with pytest.raises(Refusal):
        vod.modify(number, ImageTemplate=_content(NEW), XPos="far")

    assert vod.images() == [OLD]


def test_many_that_were_let_go_go_with_time() -> None:
    vod = Vod()
    for number in [vod.create(OLD) for _ in range(6)]:
        vod.delete(number)
    for _ in range(2):
        vod.pass_(images.STAYS + SOON)
    assert vod.images() == []


def test_an_image_that_its_template_has_taken_back_stays() -> None:
    vod = Vod()
    number = vod.create(OLD)
    library = Library(vod.engine, vod.around.call("ModifyWatermarkTemplate"), 0)
    uri = watermarks._shelf(library).find(watermarks.KIND, number).ImageTemplate.Uri
    images.let_go(library, uri)  # as another server does whose change came a moment before this one's
    vod.pass_(images.STAYS + SOON)

    assert vod.images() == [OLD]


def test_a_storage_that_removes_nothing_keeps_nobody_from_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    vod = Vod()
    vod.delete(vod.create(OLD))

    def denied(_: object) -> None:
        raise StoreUnavailable("not allowed")

    monkeypatch.setattr(vod.around.store, "delete", denied)
    vod.pass_(images.STAYS + SOON)

    assert vod.images() == [OLD]
