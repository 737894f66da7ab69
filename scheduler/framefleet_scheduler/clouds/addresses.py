"""Addresses of the clouds' stores as ours. Pure.

A cloud's bucket is our storage of that name, where there is one, else the bucket of that name on the installation's S3 server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

_OSS_HOST = re.compile(r"(?P<bucket>[A-Za-z0-9][A-Za-z0-9.-]*)\.oss-[a-z0-9-]+\.aliyuncs\.com(:[0-9]+)?")
_COS_HOST = re.compile(r"(?P<bucket>[A-Za-z0-9][A-Za-z0-9.-]*)\.cos\.[a-z0-9-]+\.myqcloud\.com(:[0-9]+)?")
_SCHEMES = ("oss", "cos", "s3")

Named = Callable[[str], bool]
"""Whether there is a storage of a name."""


class NoAddress(ValueError):
    """It names no place; the message says why."""


def of_object(bucket: str, key: str, named: Named) -> str:
    """Our address of an object; a key may begin with a slash, which is none of its name. Raises NoAddress."""
    key = key.removeprefix("/")
    if not bucket or not key:
        raise NoAddress("the address names no bucket, or no object")
    return f"{'storage' if named(bucket) else 's3'}://{bucket}/{key}"


def of_text(text: str, named: Named) -> str:
    """Our address of `oss://bucket/object`, `s3://...`, `storage://...`, the http(s) address of an object in a cloud's store
    (without a signature in its query), or any other http(s) address as it is. Raises NoAddress.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator:
        raise NoAddress("the address has no scheme such as oss:// or https://")
    if scheme == "storage":
        return text
    if scheme in _SCHEMES:
        bucket, _, key = rest.partition("/")
        return of_object(bucket, key, named)
    if scheme not in {"http", "https"}:
        raise NoAddress(f"{scheme[:20]}:// is not a scheme that is read")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise NoAddress("the address cannot be read") from None
    hosted = _OSS_HOST.fullmatch(parts.netloc) or _COS_HOST.fullmatch(parts.netloc)
    if hosted is None or parts.query:
        return text
    return of_object(hosted["bucket"], unquote(parts.path), named)
