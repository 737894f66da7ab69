"""Putting finished files at their final addresses: each appears whole, manifests after what they name."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from framefleet.domain.address import Address, target_address, with_index
from framefleet.domain.errors import VerifyFailed
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import PublishedFile, StoredFile
from framefleet.media.probe import parse_streams, probe_command
from framefleet_workers.digest import sha256_file
from framefleet_workers.parts import fetch
from framefleet_workers.work import Work


def final_address(uri: str, name: str | None = None, index: int | None = None) -> Address:
    """Where a target's file goes: the target's own address, or `name` beside it; `{index}` is filled with `index`."""
    address = target_address(uri, "uri")
    key = address.key if index is None else with_index(address.key, index)
    if name is not None:
        key = address.folder + name
    separator = "" if key.startswith("/") else "/"
    path = quote(key) if address.scheme == "file" else key
    return address.model_copy(update={"key": key, "uri": f"{address.scheme}://{address.place}{separator}{path}"})


def publish_file(
    work: Work, path: Path, uri: str, kind: str = "media", *, name: str | None = None, index: int | None = None
) -> PublishedFile:
    """Upload a local file to its final address."""
    address = final_address(uri, name, index)
    size, digest = path.stat().st_size, sha256_file(path)
    with work.told("publish", kind=kind, bytes=size):
        work.storages.publish(address, path)
    work.written_bytes += size
    return PublishedFile(uri=address.uri, bytes=size, sha256=digest, kind=kind)


def publish_bytes(work: Work, data: bytes, uri: str, kind: str, *, name: str | None = None) -> PublishedFile:
    """Write a small file (a manifest, a map) to its final address."""
    path = work.path("publish/" + (name or "file").replace("/", "_"))
    path.write_bytes(data)
    return publish_file(work, path, uri, kind, name=name)


def publish_object(work: Work, stored: StoredFile, uri: str, kind: str, name: str) -> PublishedFile:
    """Copy an object of the work bucket to its final address: inside the store when it can, else through this worker."""
    address = final_address(uri, name)
    place = work.storages.locate(address, "target")
    with work.told("publish", kind=kind, bytes=stored.bytes):
        copied = place.store.copy_from(work.store, stored.key, place.key)
    if copied:
        info = place.store.stat(place.key)
        if info is None or info.bytes != stored.bytes:
            raise VerifyFailed(f"{address.uri} was not copied whole")
        return PublishedFile(uri=address.uri, bytes=stored.bytes, sha256=stored.sha256, kind=kind)
    return publish_bytes(work, fetch(work, stored), uri, kind, name=name)


def published_media(work: Work, path: Path, *, picture: bool = False) -> MediaInfo:
    """Full media information of a finished local file."""
    lines: list[str] = []
    command = probe_command(work.tools.prober, str(path), picture=picture)
    result = work.lines(command, lines.append)
    if result.returncode != 0:
        raise VerifyFailed(f"{path.name} does not open", log=result.tail)
    return parse_streams(json.loads("\n".join(lines)))
