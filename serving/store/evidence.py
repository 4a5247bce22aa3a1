"""The evidence chain: every record holds the hash of the one before, so that no later change goes unseen.

A record's hash is SHA-256 over the canonical JSON of its number, scan, kind, payload and the hash before it.
Payloads hold hashes of what may have to be erased one day (metadata, images), never the thing itself.
The chain proves that nothing inside it was changed. Who may write to the database can still cut off its end, or compute
it anew from some record on, together with the rows: only a head's hash that was noted elsewhere finds that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from serving.store.models import Base, Evidence, EvidenceHead

__all__ = ["GENESIS", "append", "canonical", "head_of", "link", "lock_head", "sha256_of"]

GENESIS: Final = "0" * 64
# Tables, not classes: every scan comes by here, and the session's own bookkeeping would take longer than the database.
_RECORDS: Final = Base.metadata.tables[Evidence.__tablename__]
_HEAD: Final = Base.metadata.tables[EvidenceHead.__tablename__]
_LAST: Final = select(_HEAD.c.seq, _HEAD.c.hash)
_LAST_LOCKED: Final = _LAST.with_for_update()


def canonical(value: object) -> str:
    """Return JSON with sorted keys and no spaces: the same value always gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def link(seq: int, scan_id: str, kind: str, payload: str, prev_hash: str) -> str:
    """Return the hash of one record."""
    return sha256_of(canonical([seq, scan_id, kind, payload, prev_hash]))


def append(session: Session, scan_id: str, kind: str, payload: Mapping[str, Any]) -> Evidence:
    """Add one record within the caller's writing transaction."""
    last_seq, last_hash = lock_head(session)
    text = canonical(payload)
    seq = last_seq + 1
    row = {
        "seq": seq,
        "scan_id": scan_id,
        "kind": kind,
        "payload": text,
        "prev_hash": last_hash,
        "hash": link(seq, scan_id, kind, text, last_hash),
    }
    connection = session.connection()
    connection.execute(insert(_RECORDS), row)
    connection.execute(update(_HEAD).values(seq=seq, hash=row["hash"]))
    return Evidence(**row)


def lock_head(session: Session) -> tuple[int, str]:
    """Wait for the turn to write, hold it until the transaction ends, and return the last record's number and hash."""
    seq, last = session.connection().execute(_LAST_LOCKED).one()
    return seq, last


def head_of(session: Session) -> tuple[int, str]:
    """Return number and hash of the last record, as the head names them."""
    head = session.connection().execute(_LAST).one_or_none()
    return (head.seq, head.hash) if head else (0, GENESIS)
