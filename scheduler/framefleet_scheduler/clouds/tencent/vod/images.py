"""Images of VOD's templates of watermarks: files of an application in the storage of VOD, each of one template.

An image that its template has let go of stays for a week, since tasks that were asked for before may be about to read it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from datetime import timedelta
from uuid import uuid4

import structlog

from framefleet.domain.address import target_address
from framefleet.domain.errors import ServiceError
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent.vod.library import DOOR, Library

log = structlog.get_logger()

STAYS = timedelta(days=7)
_FOLDER = "watermarks/"
_KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif"}
"""First bytes -> extension."""
_MOST_FORGOTTEN = 4


def put(library: Library, content: str) -> str:
    """Keep an image in Base64; its address. Raises Refusal."""
    try:
        body = base64.b64decode(content, validate=True)
    except ValueError:
        raise Refusal("InvalidParameterValue.ImageContent", "ImageContent is not Base64") from None
    extension = next((kind for first, kind in _KINDS.items() if body.startswith(first)), None)
    if extension is None:
        raise Refusal("InvalidParameterValue.ImageContent", "ImageContent is no PNG, JPEG or GIF")
    uri = f"{library.root}{_FOLDER}{uuid4().hex}.{extension}"
    place = library.engine.desk.locate(target_address(uri, "uri"))
    place.store.put(place.key, body)
    return uri


def remove(library: Library, uri: str) -> None:
    """Now: nobody has heard of it, or nobody needs it any more."""
    place = library.engine.desk.locate(target_address(uri, "uri"))
    place.store.delete([place.key])


def let_go(library: Library, uri: str) -> None:
    """Its template has another one, or is gone."""
    at = int((library.call.at + STAYS).timestamp() * 1000)
    name = f"{at:013d}.{uri.rpartition('/')[2]}"
    library.engine.documents.put(DOOR, library.call.tenant, _kind(library), name, {})


def forget_old(library: Library, used: Callable[[], Collection[str]]) -> None:
    """Remove some of those that were let go of long ago: who changes templates does it, so that they do not become ever more.
    Those in `used` stay: another change of their template has taken them back.

    Nobody is told when it fails; the next one tries again.
    """
    documents, tenant, kind = library.engine.documents, library.call.tenant, _kind(library)
    now = int(library.call.at.timestamp() * 1000)
    try:
        for name in documents.names(DOOR, tenant, kind, _MOST_FORGOTTEN):
            at, _, file = name.partition(".")
            uri = f"{library.root}{_FOLDER}{file}"
            if int(at) <= now:
                if uri not in used():
                    remove(library, uri)
                documents.delete(DOOR, tenant, kind, name)
    except ServiceError as error:
        log.warning("vod.images_kept", code=error.code, message=error.message)


def _kind(library: Library) -> str:
    """Of documents whose names are the millisecond when an image may go, and its file."""
    return f"watermarks-let-go-{library.app}"
