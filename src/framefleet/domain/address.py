"""Addresses of sources and targets, parsed once and strictly."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote, urlsplit

from framefleet.domain.errors import InvalidSource, InvalidTarget
from framefleet.domain.value import Value

Scheme = Literal["s3", "storage", "file", "http", "https"]

_INDEX = re.compile(r"\{index(?::0(\d)d)?\}")


class Address(Value):
    """Where bytes are. `place` is a bucket (s3), a storage's name (storage), a host (http) or empty (file)."""

    scheme: Scheme
    place: str
    key: str
    """Object key, absolute path (file) or path and query (http)."""
    uri: str

    @property
    def folder(self) -> str:
        """The key up to and including its last slash ('' when it has none)."""
        return self.key[: self.key.rfind("/") + 1]


def parse(uri: str) -> Address:
    """Parse an address; raises ValueError with a sentence saying what is wrong."""
    if any(ord(c) < 32 or ord(c) == 127 for c in uri):
        raise ValueError("an address has no control characters")
    scheme, separator, rest = uri.partition("://")
    if not separator:
        raise ValueError(f"{uri!r} has no scheme such as s3:// or file://")
    match scheme:
        case "s3" | "storage":
            place, _, key = rest.partition("/")
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}", place):
                raise ValueError(f"{place!r} is not a bucket or storage name")
            if not key or key.endswith("/"):
                raise ValueError("the address names no object, only a folder")
            _refuse_dots(key)
            return Address(scheme=scheme, place=place, key=key, uri=uri)
        case "file":
            if not rest.startswith("/"):
                raise ValueError("a file address is absolute: file:///path")
            path = _utf8(rest)
            if "\0" in path or path.endswith("/"):
                raise ValueError("the address names no file")
            _refuse_dots(path)
            return Address(scheme="file", place="", key=path, uri=uri)
        case "http" | "https":
            parts = urlsplit(uri)
            if not parts.hostname or parts.username or parts.password:
                raise ValueError("an http address has a host and no user or password in it")
            return Address(scheme=scheme, place=parts.netloc, key=f"{parts.path}?{parts.query}".rstrip("?"), uri=uri)
        case _:
            raise ValueError(f"{scheme}:// is not a scheme we read")


def source_address(uri: str, field: str) -> Address:
    """Parse a source's address; raises InvalidSource with `field`."""
    try:
        return parse(uri)
    except ValueError as error:
        raise InvalidSource(str(error), field=field) from None


def target_address(uri: str, field: str) -> Address:
    """Parse a target's address; raises InvalidTarget with `field`."""
    try:
        address = parse(uri)
    except ValueError as error:
        raise InvalidTarget(str(error), field=field) from None
    if address.scheme in {"http", "https"}:
        raise InvalidTarget("outputs cannot be written to http(s)", field=field, hint="Use s3:// or storage://.")
    if re.search(r"[{}]", _INDEX.sub("", address.key)):
        raise InvalidTarget(
            "the only placeholder in an output address is {index} or {index:03d}",
            field=field,
            hint="Remove the braces.",
        )
    return address


def has_index(key: str) -> bool:
    """True when the key has an `{index}` placeholder."""
    return _INDEX.search(key) is not None


def with_index(key: str, index: int) -> str:
    """Fill the placeholder: `cover_{index:03d}.jpg` and 2 give `cover_002.jpg`."""
    return _INDEX.sub(lambda m: f"{index:0{m.group(1) or 1}d}", key)


def _utf8(quoted: str) -> str:
    """A path without its percent signs; records are JSON, which cannot hold a name in another encoding."""
    try:
        return unquote(quoted, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the path is not UTF-8: rename the file") from None


def _refuse_dots(path: str) -> None:
    if any(part in {".", ".."} for part in path.split("/")):
        raise ValueError("an address has no . or .. in its path")
