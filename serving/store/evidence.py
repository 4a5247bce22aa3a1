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

from sqlalchemy.orm import Session

from serving.store.models import Evidence, EvidenceHead

__all__ = ["GENESIS", "append", "canonical", "head_of", "link", "lock_head", "sha256_of"]

GENESIS: Final = "0" * 64
_HEAD_ID: Final = 1


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
    head = lock_head(session)
    text = canonical(payload)
    seq = head.seq + 1
    record = Evidence(
        seq=seq,
        scan_id=scan_id,
        kind=kind,
        payload=text,
        prev_hash=head.hash,
        hash=link(seq, scan_id, kind, text, head.hash),
    )
    session.add(record)
    head.seq, head.hash = seq, record.hash
    return record


def lock_head(session: Session) -> EvidenceHead:
    """Wait for the turn to write, and hold it until the transaction ends."""
    return session.get_one(EvidenceHead, _HEAD_ID, with_for_update=True)


def head_of(session: Session) -> tuple[int, str]:
    """Return number and hash of the last record, as the head names them."""
    head = session.get(EvidenceHead, _HEAD_ID)
    return (head.seq, head.hash) if head else (0, GENESIS)
