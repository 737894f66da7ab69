"""Of many tasks that write to one folder only the first asks whether it may."""

from __future__ import annotations

import pytest

from framefleet.adapters.s3 import S3Store
from framefleet.domain.errors import TargetNotWritable
from framefleet_scheduler.writable import REMEMBERED_SECONDS, WritableFolders


def store(access: str = "a", bucket: str = "out", prefix: str = "") -> S3Store:
    return S3Store("127.0.0.1:9", access, "secret", bucket, prefix)


class Asked:
    """Counts questions, and refuses while `refuses`."""

    def __init__(self) -> None:
        self.times = 0
        self.refuses = False

    def __call__(self) -> None:
        self.times += 1
        if self.refuses:
            raise TargetNotWritable("no")


def test_a_folder_is_asked_for_once_until_it_is_forgotten() -> None:
    now = [50.0]
    folders, asked = WritableFolders(lambda: now[0]), Asked()
    for i in range(10):
        folders.check(store(), f"shop/{i}/film.mp4", asked)
    assert asked.times == 1

    now[0] += REMEMBERED_SECONDS
    folders.check(store(), "shop/x.mp4", asked)
    assert asked.times == 2


@pytest.mark.parametrize(
    ("other", "key"),
    [
        (store(), "news/film.mp4"),
        (store(), "film.mp4"),
        (store(bucket="other"), "shop/film.mp4"),
        (store(prefix="p"), "shop/film.mp4"),
        (store(access="b"), "shop/film.mp4"),
    ],
)
def test_what_another_account_or_folder_may_says_nothing(other: S3Store, key: str) -> None:
    folders, asked = WritableFolders(), Asked()
    folders.check(store(), "shop/film.mp4", asked)
    folders.check(other, key, asked)

    assert asked.times == 2


def test_a_refusal_is_not_remembered_and_a_success_not_kept_beyond_its_time() -> None:
    now = [0.0]
    folders, asked = WritableFolders(lambda: now[0]), Asked()
    asked.refuses = True
    for _ in range(2):
        with pytest.raises(TargetNotWritable):
            folders.check(store(), "shop/film.mp4", asked)
    asked.refuses = False
    folders.check(store(), "shop/film.mp4", asked)
    asked.refuses, now[0] = True, REMEMBERED_SECONDS

    with pytest.raises(TargetNotWritable):
        folders.check(store(), "shop/film.mp4", asked)
