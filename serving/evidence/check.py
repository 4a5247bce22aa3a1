"""Checks a signed bundle, which may come from anybody: its signature, its files, and that they tell one story."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from serving.evidence.bundle import FORMAT
from serving.store.evidence import canonical, link, sha256_of

__all__ = ["BundleReport", "check_bundle"]

_MAX_FILES: Final = 200
_MAX_FILE_BYTES: Final = 256 << 20
_MAX_BYTES: Final = 1 << 30
_MAX_MANIFEST_BYTES: Final = 1 << 20
_SEALS: Final = ("manifest.json", "manifest.sig")


@dataclass(frozen=True, slots=True)
class BundleReport:
    """Outcome of a check: whose signature it is, of which scan, and what is wrong, one line each."""

    public_key: str
    scan_id: str
    problems: tuple[str, ...]


def check_bundle(path: Path, trusted_key: str | None = None) -> BundleReport:
    """Check a bundle; `trusted_key` is the 32 bytes in hex of the only key that may have signed it.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        files = _read(path)
        if len(files["manifest.json"]) > _MAX_MANIFEST_BYTES:
            return _unreadable("its manifest is too large")
        manifest = json.loads(files["manifest.json"])
        if manifest["format"] != FORMAT:
            return _unreadable(f"its format is {manifest['format']!r}, not {FORMAT!r}")
        public_key, scan_id = str(manifest["public_key"]), str(manifest["scan_id"])
        problems = list(_check_signature(files, public_key, trusted_key))
        problems += _check_files(files, manifest["files"])
        if not problems:
            problems += _check_story(files, scan_id)
    except _UNREADABLE as error:
        return _unreadable(f"{type(error).__name__}: {error}")
    return BundleReport(public_key, scan_id, tuple(problems))


# Whatever bytes that are no bundle can set off; the checks above run on nothing that was not read in full.
_UNREADABLE: Final = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError),
    *(ValueError, TypeError, KeyError, IndexError, AttributeError),
)


def _unreadable(reason: str) -> BundleReport:
    return BundleReport("", "", (f"this is no whole evidence bundle: {reason}"[:300],))


def _read(path: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > _MAX_FILES:
            raise ValueError(f"it has {len(entries)} files")
        for entry in entries:
            # Read no further than a limit: what the entry says about its size may be a lie.
            with archive.open(entry) as file:
                data = file.read(_MAX_FILE_BYTES + 1)
            total += len(data)
            if len(data) > _MAX_FILE_BYTES or total > _MAX_BYTES:
                raise ValueError(f"{entry.filename!r} is too large")
            if entry.filename in files:
                raise ValueError(f"{entry.filename!r} is there twice")
            files[entry.filename] = data
    return files


def _check_signature(files: Mapping[str, bytes], public_key: str, trusted_key: str | None) -> Iterator[str]:
    if trusted_key is not None and public_key != trusted_key.lower():
        yield f"it is signed with the key {public_key}, not with the one that is trusted"
    try:
        signature = bytes.fromhex(files["manifest.sig"].decode())
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(signature, files["manifest.json"])
    except (InvalidSignature, ValueError):
        yield "manifest.json: the signature does not fit"


def _check_files(files: Mapping[str, bytes], listed: Mapping[str, list[Any]]) -> Iterator[str]:
    for name, (size, sha256) in listed.items():
        if name not in files:
            yield f"{name}: missing"
        elif (len(files[name]), hashlib.sha256(files[name]).hexdigest()) != (size, sha256):
            yield f"{name}: was changed"
    for name in files.keys() - listed.keys() - set(_SEALS):
        yield f"{name}: is not in the manifest"


def _check_story(files: Mapping[str, bytes], scan_id: str) -> Iterator[str]:
    """Compare the records with what they speak about, as `parcelray evidence verify` does with the rows."""
    record, links = json.loads(files["record.json"]), json.loads(files["evidence.json"])
    if json.loads(files["answer.json"])["id"] != scan_id:
        yield "answer.json: of another scan"
    if [one["kind"] for one in links].count("scan") != 1:
        yield "evidence.json: expected one record of the verdict"
    reviews = {review["review_id"]: review for review in record["reviews"]}
    for one in links:
        name = f"evidence.json: record {one['seq']}"
        if one["scan_id"] != scan_id:
            yield f"{name} is of another scan"
        if one["hash"] != link(one["seq"], one["scan_id"], one["kind"], one["payload"], one["prev_hash"]):
            yield f"{name}: its content does not match its hash"
        if one["kind"] == "review":
            payload = json.loads(one["payload"])
            if not _same_review(reviews.pop(payload["review_id"], None), payload):
                yield f"record.json: review {payload['review_id']} is not the one that was recorded"
        else:
            yield from _check_results(files, record, one)
    for review_id in reviews:
        yield f"record.json: no record of review {review_id}"


def _check_results(files: Mapping[str, bytes], record: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[str]:
    payload = json.loads(one["payload"])
    if one["kind"] == "scan":
        if sha256_of(record["salt"] + files["answer.json"].decode()) != payload["answer_sha256"]:
            yield "answer.json: not the answer that was recorded"
        images = {view: hashlib.sha256(files[file]).hexdigest() for view, file in record["images"].items()}
        if images != {view["name"]: view["sha256"] for view in payload["views"]}:
            yield "images: not the ones that were recorded"
    elif one["kind"] == "late_result" and sha256_of(canonical(record["late_result"])) != payload["late_result_sha256"]:
        yield "record.json: not the late result that was recorded"


def _same_review(review: Mapping[str, Any] | None, payload: Mapping[str, Any]) -> bool:
    return (
        review is not None
        and all(review[name] == payload[name] for name in ("decision", "reviewer", "created_at"))
        and sha256_of(review["annotations"]) == payload["annotations_sha256"]
        and sha256_of(review["note"]) == payload["note_sha256"]
    )
