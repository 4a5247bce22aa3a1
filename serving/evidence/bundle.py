"""One scan as a signed zip: what was answered, what people decided, the images, the records, and a page to read.

answer.json     the answer, byte for byte as it was sent
record.json     the rest: salt of the answer's hash, late result, reviews, which file is which view
evidence.json   the scan's records in the evidence chain
images/         the posted images, byte for byte
report.html     all of it for people
public_key.pem  the key that signed
manifest.json   name, size and SHA-256 of every file above, and the head of the chain at the time
manifest.sig    Ed25519 signature of manifest.json, in hex

`openssl pkeyutl -verify -rawin` checks the signature too, without this software.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from detector import __version__
from serving.errors import NotFoundError
from serving.evidence.keys import hex_of, pem_of
from serving.evidence.report import render
from serving.store.evidence import head_of
from serving.store.images import ImageStore
from serving.store.models import Evidence, Review, Scan, View
from serving.store.scans import ScanStore

__all__ = ["FORMAT", "export"]

FORMAT: Final = "parcelray-evidence-bundle/1"


def export(store: ScanStore, images: ImageStore, key: Ed25519PrivateKey, scan_id: str, out: Path) -> None:
    """Write the bundle of one scan; `out` is there whole or not at all.

    Raises:
        NotFoundError: no such scan.
        OSError: an image cannot be read or the file cannot be written.
    """
    with store.database.reading() as session:
        scan = session.get(Scan, scan_id)
        if scan is None:
            raise NotFoundError(f"there is no scan {scan_id}")
        reviews = session.scalars(select(Review).where(Review.scan_id == scan_id).order_by(Review.id)).all()
        records = session.scalars(select(Evidence).where(Evidence.scan_id == scan_id).order_by(Evidence.seq)).all()
        head = head_of(session)
    pictures = {_file_name(view): images.read(view.sha256) for view in scan.views}
    created_at = datetime.now(UTC)
    public = key.public_key()
    files = {
        "answer.json": scan.answer.encode(),
        "record.json": _json(_record(scan, reviews)),
        "evidence.json": _json([_link(record) for record in records]),
        **pictures,
        "report.html": render(
            scan, reviews, records, list(pictures.values()), created_at=created_at, public_key=hex_of(public)
        ).encode(),
        "public_key.pem": pem_of(public),
    }
    manifest = _json(
        {
            "format": FORMAT,
            "scan_id": scan_id,
            "created_at": created_at.isoformat(),
            "software": f"parcelray {__version__}",
            "head": {"seq": head[0], "hash": head[1]},
            "public_key": hex_of(public),
            "files": {name: [len(data), hashlib.sha256(data).hexdigest()] for name, data in files.items()},
        }
    )
    _write(out, files | {"manifest.json": manifest, "manifest.sig": key.sign(manifest).hex().encode()})


def _record(scan: Scan, reviews: Any) -> dict[str, Any]:  # noqa: ANN401 - SQLAlchemy's sequence of rows
    return {
        "salt": scan.salt,
        "late_result": scan.late_result,
        "images": {view.name: _file_name(view) for view in scan.views},
        "reviews": [
            {
                "review_id": review.id,
                "created_at": review.created_at.isoformat(),
                "decision": review.decision,
                "reviewer": review.reviewer,
                "note": review.note,
                "annotations": review.annotations,
            }
            for review in reviews
        ],
    }


def _link(record: Evidence) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("seq", "scan_id", "kind", "payload", "prev_hash", "hash")}


def _file_name(view: View) -> str:
    extension = view.media_type.rsplit("/", 1)[-1]
    return f"images/{view.position + 1:02}-{view.name}.{extension if extension.isalnum() else 'bin'}"


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _write(out: Path, files: dict[str, bytes]) -> None:
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=".new-", suffix=".zip")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in files.items():
                archive.writestr(path, data)
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
