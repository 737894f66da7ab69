"""Where MPS's sources lie and where its outputs go: buckets of COS, of AWS S3 and of VOD, and URLs. Pure.

A bucket is our storage of that name, else the bucket of that name on the installation's S3 server (`addresses`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote, urlsplit

from framefleet_scheduler.clouds.addresses import Named, NoAddress, of_object, of_text
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.words import unsupported

Found = TypeVar("Found")

_BUCKET = "our storage of this name, else the bucket of this name on the S3 server"
_REGION = "there are no regions; it comes back as it was"
_SECRET = "must be empty unless the bucket is one of our storages, which has credentials of its own; it is never kept"  # noqa: S105
_NOT_BASIC = "0; 1 is refused: VOD's own files are for VOD's operations"
_SECRETS = ("S3SecretId", "S3SecretKey")
_CODE = "InvalidParameter.InputInfo"


class CosInput(Wire):
    """An object of COS."""

    Bucket: Annotated[str, Works(_BUCKET)]
    Region: Annotated[str | None, Ignored(_REGION)] = None
    Object: Annotated[str, Works("with or without a slash at its beginning")]


class VodInput(CosInput):
    """An object of VOD's own storage."""

    SubAppId: Annotated[int | None, Ignored("buckets have names of their own")] = None
    VodBasic: Annotated[int | None, Works(_NOT_BASIC)] = None
    FileId: Annotated[str | None, Refused("files are named by bucket and path here, or by VOD's own operations")] = None


class UrlInput(Wire):
    """An address."""

    Url: Annotated[str, Works("http(s); that of a bucket of COS without a signature is our bucket")]


class S3Input(Wire):
    """An object of AWS S3."""

    S3Bucket: Annotated[str, Works(_BUCKET)]
    S3Region: Annotated[str | None, Ignored(_REGION)] = None
    S3Object: Annotated[str, Works("with or without a slash at its beginning")]
    S3SecretId: Annotated[str | None, Works(_SECRET)] = None
    S3SecretKey: Annotated[str | None, Works(_SECRET)] = None


class Input(Wire):
    """`MediaInputInfo`."""

    Type: Annotated[str, Works("`COS`, `URL`, `AWS-S3`, `VOD`")]
    CosInputInfo: Annotated[CosInput | None, Works()] = None
    UrlInputInfo: Annotated[UrlInput | None, Works()] = None
    S3InputInfo: Annotated[S3Input | None, Works()] = None
    VODInputInfo: Annotated[VodInput | None, Works()] = None


class CosOutput(Wire):
    """A bucket of COS."""

    Bucket: Annotated[str | None, Works(_BUCKET)] = None
    Region: Annotated[str | None, Ignored(_REGION)] = None


class VodOutput(CosOutput):
    """A bucket of VOD."""

    SubAppId: Annotated[int | None, Ignored("buckets have names of their own")] = None
    VodBasic: Annotated[int | None, Works(_NOT_BASIC)] = None


class S3Output(Wire):
    """A bucket of AWS S3."""

    S3Bucket: Annotated[str, Works(_BUCKET)]
    S3Region: Annotated[str | None, Ignored(_REGION)] = None
    S3SecretId: Annotated[str | None, Works(_SECRET)] = None
    S3SecretKey: Annotated[str | None, Works(_SECRET)] = None


class Output(Wire):
    """`TaskOutputStorage`."""

    Type: Annotated[str, Works("`COS`, `AWS-S3`, `VOD`")]
    CosOutputStorage: Annotated[CosOutput | None, Works()] = None
    S3OutputStorage: Annotated[S3Output | None, Works()] = None
    VODOutputStorage: Annotated[VodOutput | None, Works()] = None


@dataclass(frozen=True, slots=True)
class Place:
    """A source."""

    uri: str
    """Ours."""
    path: str
    """Its path in the vendor's words, with a slash at its beginning: `/movie/a.mp4`."""
    bucket: str
    """Empty: it is a URL."""
    kind: str
    """`COS`, `URL`, ..."""
    region: str = ""

    @property
    def folder(self) -> str:
        """With a slash at both ends."""
        return self.path[: self.path.rfind("/") + 1]

    @property
    def stem(self) -> str:
        """The file's name without its extension: `{inputName}`."""
        name = self.path.rsplit("/", 1)[-1]
        return name.rsplit(".", 1)[0] if "." in name else name

    @property
    def extension(self) -> str:
        """`{inputFormat}`."""
        name = self.path.rsplit("/", 1)[-1]
        return name.rsplit(".", 1)[1] if "." in name else ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where outputs go."""

    kind: str
    name: str
    region: str = ""

    def shown(self) -> dict[str, Any]:
        """As `TaskOutputStorage`, in answers."""
        empty: dict[str, Any] = {"CosOutputStorage": None, "S3OutputStorage": None, "VODOutputStorage": None}
        if self.kind == "AWS-S3":
            s3 = {"S3Bucket": self.name, "S3Region": self.region, "S3SecretId": "", "S3SecretKey": ""}
            return {"Type": self.kind, **empty, "S3OutputStorage": s3}
        name = "VODOutputStorage" if self.kind == "VOD" else "CosOutputStorage"
        return {"Type": self.kind, **empty, name: {"Bucket": self.name, "Region": self.region}}


def source(given: Input, named: Named, where: str = "InputInfo") -> Place:
    """Where a source lies. Raises Refusal."""
    match given.Type:
        case "COS":
            found = _given(given.CosInputInfo, f"{where}.CosInputInfo")
            return _object(given.Type, found.Bucket, found.Region, found.Object, named, where)
        case "VOD":
            vod = _given(given.VODInputInfo, f"{where}.VODInputInfo")
            _not_basic(vod.VodBasic, where)
            return _object(given.Type, vod.Bucket, vod.Region, vod.Object, named, where)
        case "AWS-S3":
            s3 = _given(given.S3InputInfo, f"{where}.S3InputInfo")
            _no_secrets(s3, s3.S3Bucket, named, f"{where}.S3InputInfo")
            return _object(given.Type, s3.S3Bucket, s3.S3Region, s3.S3Object, named, where)
        case "URL":
            return _url(_given(given.UrlInputInfo, f"{where}.UrlInputInfo").Url, named)
        case _:
            raise Refusal(_CODE, f"{where}.Type {given.Type[:20]!r} is not known; there are COS, URL, AWS-S3 and VOD")


def storage(given: Output | None, above: Bucket | None, named: Named, where: str) -> Bucket | None:
    """Where outputs go: as it is said here, else as it is said above. Raises Refusal."""
    if given is None:
        return above
    match given.Type:
        case "COS" | "VOD":
            bucket = given.CosOutputStorage if given.Type == "COS" else given.VODOutputStorage
            _not_basic(getattr(bucket, "VodBasic", None), where)
            name, region = ("", "") if bucket is None else (bucket.Bucket or "", bucket.Region or "")
            if not name and above is not None:
                return above
            if not name:
                raise Refusal("MissingParameter", f"{where} names no Bucket")
            return Bucket(given.Type, _name(name, where), region[:64])
        case "AWS-S3":
            s3 = _given(given.S3OutputStorage, f"{where}.S3OutputStorage")
            _no_secrets(s3, s3.S3Bucket, named, f"{where}.S3OutputStorage")
            return Bucket(given.Type, _name(s3.S3Bucket, where), (s3.S3Region or "")[:64])
        case _:
            raise MPS.wrong("Type", f"{where}.Type {given.Type[:20]!r} is not known; there are COS, AWS-S3 and VOD")


def address(bucket: Bucket, path: str, named: Named) -> str:
    """Our address of an output. Raises Refusal."""
    try:
        return of_object(bucket.name, path, named)
    except NoAddress as error:
        raise MPS.wrong("OutputObjectPath", f"{path[:200]!r} is no path: {error}") from None


def path_of(uri: str) -> str:
    """The vendor's path of one of our addresses."""
    return "/" + uri.partition("://")[2].partition("/")[2]


def without_secrets(value: Any) -> Any:
    """Parameters as they may be kept and shown."""
    if isinstance(value, dict):
        return {
            name: "" if name in {*_SECRETS, "NotifyKey"} and one else without_secrets(one)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(one) for one in value]
    return value


def _given(found: Found | None, where: str) -> Found:
    if found is None:
        raise Refusal("MissingParameter", f"{where} is missing")
    return found


def _object(kind: str, bucket: str, region: str | None, key: str, named: Named, where: str) -> Place:
    try:
        uri = of_object(_name(bucket, where), key, named)
    except NoAddress as error:
        raise Refusal(_CODE, f"{where}: {error}") from None
    return Place(uri, "/" + key.removeprefix("/"), bucket, kind, (region or "")[:64])


def _url(text: str, named: Named) -> Place:
    try:
        uri = of_text(text, named)
    except NoAddress as error:
        raise Refusal("InvalidParameter.InvalidUrl", f"InputInfo.UrlInputInfo.Url: {error}") from None
    if not text.lower().startswith(("http://", "https://")):
        raise Refusal("InvalidParameter.InvalidUrl", "InputInfo.UrlInputInfo.Url is an http or https address")
    return Place(uri, unquote(urlsplit(text).path) or "/", "", "URL")


def _not_basic(given: int | None, where: str) -> None:
    if given:
        raise unsupported(f"{where}: VodBasic 1 is not supported here; name a bucket")


def _name(bucket: str, where: str) -> str:
    if not bucket or len(bucket) > 63 or "/" in bucket:
        raise Refusal("ResourceNotFound.CosBucketNameInvalid", f"{where}: {bucket[:80]!r} is no name of a bucket")
    return bucket


def _no_secrets(given: S3Input | S3Output, bucket: str, named: Named, where: str) -> None:
    """Somebody else's credentials are not used: our storages have their own."""
    if (given.S3SecretId or given.S3SecretKey) and not named(bucket):
        raise unsupported(
            f"{where}: credentials in a request are not supported; {bucket[:63]!r} is to be a storage here, with its own"
        )
