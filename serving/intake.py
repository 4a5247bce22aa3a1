"""Reads a posted scan: a raw image, or multipart with one part a view; limited while it streams."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import Message
from functools import partial
from typing import Final, TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from detector.dicos import is_dicos
from detector.errors import ImageError
from detector.image_headers import START_BYTES, Header, check_start, read_header
from detector.images import ImageLimits
from serving.errors import (
    BadRequestError,
    BodyTooLargeError,
    InvalidContentError,
    RequestTimeoutError,
    UnreadableViewError,
    UnsupportedImageError,
)
from serving.item_ids import has_wrong_check_digit
from serving.problems import broken_rules
from serving.schemas import VIEW_NAME_PATTERN, ScanMetadata
from serving.settings import Settings
from serving.store.evidence import canonical, sha256_of

__all__ = ["PostedScan", "PostedView", "checked_metadata", "media_type_of", "read_body", "read_scan"]

_T = TypeVar("_T")
_VIEW_NAME: Final = re.compile(VIEW_NAME_PATTERN)
_DEFAULT_VIEW: Final = "view-1"
_METADATA_PART: Final = "metadata"
_HASHED_AT_ONCE: Final = 512 * 1024
_RAW_TYPES: Final = ("application/dicom", "application/octet-stream")


@dataclass(frozen=True, slots=True)
class PostedView:
    """One image as it came, its SHA-256, and what it says about itself where that was read already."""

    name: str
    data: bytes
    sha256: str
    header: Header | None = None


@dataclass(frozen=True, slots=True)
class PostedScan:
    """What a client sent."""

    views: tuple[PostedView, ...]
    metadata: ScanMetadata

    @property
    def fingerprint(self) -> str:
        """Hash of everything that was sent: the same for a retry, another for another scan."""
        views = [[view.name, view.sha256] for view in self.views]
        return sha256_of(canonical([views, self.metadata.model_dump(mode="json")]))

    @property
    def own_key(self) -> str | None:
        """Return what stands for an Idempotency-Key where the scanner numbers its scans."""
        scanner_id, number = self.metadata.scanner_id, self.metadata.scan_number
        if scanner_id is None or number is None:
            return None
        # The space keeps it apart from every key that a client can send.
        return f"scan {sha256_of(canonical([scanner_id, number]))}"


async def read_scan(request: Request, settings: Settings) -> PostedScan:
    """Read and check the body of a posted scan.

    Raises:
        ServiceError: too large, too slow, not an image type, or parts and metadata that do not fit together.
    """
    kind = media_type_of(request)
    if kind == "multipart/form-data":
        form = await _in_time(_read_form(request, settings), settings.receive_timeout_s)
        try:
            named, metadata = await _sort_parts(form, settings)
        finally:
            await form.close()
    elif kind.startswith("image/") or kind in _RAW_TYPES:
        named, metadata = await _read_raw(request, settings)
    else:
        raise UnsupportedImageError(
            "expected Content-Type image/*, application/dicom, application/octet-stream or multipart/form-data, "
            f"got {kind or 'none'}; with curl add -H 'Content-Type: image/png'"
        )
    for name, data in named:
        if not data:
            raise BadRequestError(f"view {name!r} is empty; send the image's bytes as the body", view=name)
        _check_start(name, data)
    # Hashing 64 MiB would hold up every other request; for a common view, a thread takes longer than the hash.
    few = sum(len(data) for _, data in named) <= _HASHED_AT_ONCE
    views = _hashed(named) if few else await asyncio.to_thread(_hashed, named)
    if metadata.item_id is None and any(is_dicos(view.data) for view in views):
        metadata, views = await asyncio.to_thread(_with_item_id, metadata, views)
    if settings.invalid_item_ids == "refuse" and metadata.item_id and has_wrong_check_digit(metadata.item_id):
        raise InvalidContentError(
            f"item_id {metadata.item_id!r} fails the check digit of UPU S10; read the label again, or set "
            "PARCELRAY_INVALID_ITEM_IDS=flag to take such scans"
        )
    return PostedScan(views, metadata)


def _hashed(named: Sequence[tuple[str, bytes]]) -> tuple[PostedView, ...]:
    return tuple(PostedView(name, data, hashlib.sha256(data).hexdigest()) for name, data in named)


def media_type_of(request: Request) -> str:
    """Return the Content-Type without parameters, in lower case; empty when there is none."""
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    return message.get_content_type() if request.headers.get("content-type") else ""


async def read_body(
    request: Request, limit: int, timeout_s: float, check_start: Callable[[bytes], None] = lambda _: None
) -> bytes:
    """Return a body of at most `limit` bytes; `check_start` sees its first bytes as soon as they are there.

    Raises:
        BodyTooLargeError: it is longer, or says so.
        RequestTimeoutError: it did not arrive in time.
    """

    async def collect() -> bytes:
        body = bytearray()
        async for chunk in _limited(request, limit):
            checked = len(body) >= START_BYTES
            body += chunk
            if not checked and len(body) >= START_BYTES:
                check_start(bytes(body[:START_BYTES]))
        return bytes(body)

    return await _in_time(collect(), timeout_s)


async def _in_time(work: Awaitable[_T], timeout_s: float) -> _T:
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError:
        raise RequestTimeoutError(f"the body did not arrive within {timeout_s:g} s; send it again") from None


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    length = request.headers.get("content-length", "")
    too_large = BodyTooLargeError(f"the body is over the limit of {limit} bytes; send smaller images or fewer views")
    if length.isdecimal() and int(length) > limit:
        raise too_large
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise too_large
        yield chunk


async def _read_raw(request: Request, settings: Settings) -> tuple[list[tuple[str, bytes]], ScanMetadata]:
    query = dict(request.query_params)
    known = {"item_id", "scanner_id", "scan_number", "lane", "view"}
    if unknown := sorted(set(query) - known):
        raise InvalidContentError(f"unknown parameters {unknown}; known parameters: {', '.join(sorted(known))}")
    name = _checked_name(query.pop("view", _DEFAULT_VIEW))
    metadata = checked_metadata(query)
    limit = min(settings.max_body_bytes, ImageLimits().max_bytes)
    check = partial(_check_start, name)
    return [(name, await read_body(request, limit, settings.receive_timeout_s, check))], metadata


async def _read_form(request: Request, settings: Settings) -> FormData:
    parser = MultiPartParser(
        request.headers,
        _limited(request, settings.max_body_bytes),
        max_files=settings.max_views + 1,
        max_fields=1,
        max_part_size=settings.max_json_bytes,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise BadRequestError(f"the multipart body cannot be read: {error.message}") from error
    except (KeyError, ValueError) as error:  # the parser trusts headers more than we do
        raise BadRequestError("the multipart body cannot be read; send it with a boundary and named parts") from error


async def _sort_parts(form: FormData, settings: Settings) -> tuple[list[tuple[str, bytes]], ScanMetadata]:
    parts: list[tuple[str, str, bytes]] = []
    text: str | bytes | None = None
    for field, value in form.multi_items():
        if field == _METADATA_PART:
            if text is not None:
                raise BadRequestError("expected one part named metadata, got two")
            text = await value.read(settings.max_json_bytes + 1) if isinstance(value, UploadFile) else value
        elif isinstance(value, UploadFile):
            parts.append((field, value.filename or "", await value.read()))
        else:
            raise BadRequestError(f"part {field[:64]!r} is no file; send views as files and the rest in metadata")
    if not parts:
        raise BadRequestError("no views; send each image as a file part, named after its view")
    if len(parts) > settings.max_views:
        raise BadRequestError(f"at most {settings.max_views} views make a scan, got {len(parts)}")
    metadata = checked_metadata(text if text is not None else {})
    names = metadata.views or _names_of([(field, filename) for field, filename, _ in parts])
    if len(names) != len(parts) or len(set(names)) != len(names):
        raise InvalidContentError(f"expected one name for each of {len(parts)} views, all different, got {names}")
    return [(name, data) for name, (_, _, data) in zip(names, parts, strict=True)], metadata


def checked_metadata(value: str | bytes | Mapping[str, str]) -> ScanMetadata:
    """Return validated metadata from JSON text or from query parameters.

    Raises:
        InvalidContentError: it breaks a rule; the message says which.
    """
    try:
        if isinstance(value, str | bytes):
            return ScanMetadata.model_validate_json(value)
        return ScanMetadata.model_validate(dict(value))
    except ValidationError as error:
        raise InvalidContentError(f"metadata: {broken_rules(error.errors())}") from None


def _check_start(name: str, start: bytes) -> None:
    try:
        check_start(start)
    except ImageError as error:
        raise UnreadableViewError(f"view {name!r}: {error}", view=name) from error


def _with_item_id(metadata: ScanMetadata, views: Sequence[PostedView]) -> tuple[ScanMetadata, tuple[PostedView, ...]]:
    """Take the parcel's number out of the first DICOS file that has one; keep what was read of each."""
    read = tuple(_with_header(view) for view in views)
    for view in read:
        if view.header is not None and view.header.dicos is not None and view.header.dicos.item_id:
            return metadata.model_copy(update={"item_id": view.header.dicos.item_id}), read
    return metadata, read


def _with_header(view: PostedView) -> PostedView:
    if not is_dicos(view.data):
        return view
    try:
        return replace(view, header=read_header(view.data))
    except ImageError:
        return view  # it is refused in a moment, with the reason


def _checked_name(name: str) -> str:
    if not _VIEW_NAME.fullmatch(name):
        raise InvalidContentError(
            f"a view's name is 1 to 64 letters, digits, dots, dashes and underscores, such as top; got {name[:80]!r}"
        )
    return name


def _names_of(parts: list[tuple[str, str]]) -> list[str]:
    """Name views after their parts; after their files where parts share a name; after their place otherwise."""
    fields = [field for field, _ in parts]
    stems = [filename.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0] for _, filename in parts]
    for names in (fields, stems):
        if len(set(names)) == len(names) and all(_VIEW_NAME.fullmatch(name) for name in names):
            return names
    return [f"view-{number}" for number, _ in enumerate(parts, 1)]
