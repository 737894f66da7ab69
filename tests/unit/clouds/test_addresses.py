"""Addresses of the clouds' stores."""

from __future__ import annotations

import pytest

from framefleet_scheduler.clouds.addresses import NoAddress, of_object, of_text


def named(name: str) -> bool:
    return name == "films"


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("oss://films/a/b.mp4", "storage://films/a/b.mp4"),
        ("OSS://films/a.mp4", "storage://films/a.mp4"),
        ("oss://others/a.mp4", "s3://others/a.mp4"),
        ("cos://films//a.mp4", "storage://films/a.mp4"),
        ("s3://others/a b+c%20.mp4", "s3://others/a b+c%20.mp4"),
        ("storage://films/x.mp4", "storage://films/x.mp4"),
        ("https://films.oss-cn-beijing.aliyuncs.com/a/b%20c.mp4", "storage://films/a/b c.mp4"),
        ("http://films.oss-cn-beijing-internal.aliyuncs.com:80/a.mp4", "storage://films/a.mp4"),
        ("https://others-125.cos.ap-guangzhou.myqcloud.com/a.mp4", "s3://others-125/a.mp4"),
        (
            "https://films.oss-cn-beijing.aliyuncs.com/a.mp4?Signature=x",
            "https://films.oss-cn-beijing.aliyuncs.com/a.mp4?Signature=x",
        ),
        ("https://example.org/a.mp4", "https://example.org/a.mp4"),
        (
            "https://films.oss-cn-beijing.aliyuncs.com.example.org/a.mp4",
            "https://films.oss-cn-beijing.aliyuncs.com.example.org/a.mp4",
        ),
    ],
)
def test_a_bucket_is_a_storage_of_its_name_or_one_of_the_s3_server(text: str, ours: str) -> None:
    assert of_text(text, named) == ours


@pytest.mark.parametrize(
    "text", ["", "films/a.mp4", "oss://", "oss://films", "oss://films/", "file:///etc/passwd", "ftp://x/y"]
)
def test_what_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(NoAddress):
        of_text(text, named)


def test_a_key_may_begin_with_a_slash_that_is_none_of_its_name() -> None:
    assert of_object("films", "/a.mp4", named) == of_object("films", "a.mp4", named) == "storage://films/a.mp4"
    for bucket, key in (("", "a"), ("films", ""), ("films", "/")):
        with pytest.raises(NoAddress):
            of_object(bucket, key, named)
