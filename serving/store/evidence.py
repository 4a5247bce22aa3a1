"""The evidence chain: every record holds the hash of the one before, so that no later change goes unseen.

A record's hash is SHA-256 over the canonical JSON of its number, scan, kind, payload and the hash before it.
Payloads hold hashes of what may have to be erased one day (metadata, images), never the thing itself.
The chain proves that nothing inside it was changed; that its end was not cut off is proved by keeping the
head's hash elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from serving.store.models import Evidence, EvidenceHead, Review, Scan

__all__ = ["GENESIS", "ChainReport", "append", "canonical", "check", "sha256_of"]

GENESIS: Final = "0" * 64
_HEAD_ID: Final = 1


@dataclass(frozen=True, slots=True)
class ChainReport:
    """Outcome of a check: how many records were read and what is wrong, one line each."""

    records: int
    problems: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def canonical(value: object) -> str:
    """Return JSON with sorted keys and no spaces: the same value always gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _link(seq: int, scan_id: str, kind: str, payload: str, prev_hash: str) -> str:
    return sha256_of(canonical([seq, scan_id, kind, payload, prev_hash]))


def append(session: Session, scan_id: str, kind: str, payload: Mapping[str, Any]) -> Evidence:
    """Add one record within the caller's writing transaction."""
    head = session.get_one(EvidenceHead, _HEAD_ID, with_for_update=True)
    text = canonical(payload)
    seq = head.seq + 1
    record = Evidence(
        seq=seq,
        scan_id=scan_id,
        kind=kind,
        payload=text,
        prev_hash=head.hash,
        hash=_link(seq, scan_id, kind, text, head.hash),
    )
    session.add(record)
    head.seq, head.hash = seq, record.hash
    return record


def check(session: Session) -> ChainReport:
    """Walk the whole chain and compare it with the rows it speaks about."""
    problems: list[str] = []
    seq, before = 0, GENESIS
    for record in session.scalars(select(Evidence).order_by(Evidence.seq).execution_options(yield_per=500)):
        seq += 1
        problems.extend(_check_link(record, seq, before))
        problems.extend(_check_rows(session, record))
        seq, before = record.seq, record.hash
    head = session.get(EvidenceHead, _HEAD_ID)
    head_seq, head_hash = (head.seq, head.hash) if head else (0, GENESIS)
    if (head_seq, head_hash) != (seq, before):
        problems.append(f"the head names record {head_seq}, the chain ends with record {seq}")
    known = select(Evidence.scan_id).where(Evidence.kind == "scan")
    for scan_id in session.scalars(select(Scan.id).where(Scan.id.not_in(known))):
        problems.append(f"scan {scan_id}: no record of its verdict")
    return ChainReport(seq, tuple(problems))


def _check_link(record: Evidence, seq: int, before: str) -> Iterator[str]:
    if record.seq != seq:
        yield f"record {seq}: missing before record {record.seq}"
    if record.prev_hash != before:
        yield f"record {record.seq}: does not follow the record before it"
    if record.hash != _link(record.seq, record.scan_id, record.kind, record.payload, record.prev_hash):
        yield f"record {record.seq}: its content does not match its hash"


def _check_rows(session: Session, record: Evidence) -> Iterator[str]:
    try:
        payload = json.loads(record.payload)
    except ValueError:
        return  # already named: the hash cannot match
    if record.kind == "scan" and (scan := session.get(Scan, record.scan_id)) is not None:
        # An erased scan has no row; its record stays.
        if sha256_of(scan.salt + scan.answer) != payload.get("answer_sha256"):
            yield f"scan {scan.id}: the stored answer is not the one that was recorded"
        elif not _same_metadata(scan):
            yield f"scan {scan.id}: the item id, scanner, lane or tags are not the ones that were answered"
        if scan.verdict != payload.get("verdict"):
            yield f"scan {scan.id}: the verdict is not the one that was recorded"
        recorded = {view["name"]: view["sha256"] for view in payload.get("views", [])}
        if {view.name: view.sha256 for view in scan.views} != recorded:
            yield f"scan {scan.id}: the image hashes are not the ones that were recorded"
    elif record.kind == "late_result" and (scan := session.get(Scan, record.scan_id)) is not None:
        if scan.late_result is None or sha256_of(canonical(scan.late_result)) != payload.get("late_result_sha256"):
            yield f"scan {scan.id}: the late result is not the one that was recorded"
    elif record.kind == "review" and session.get(Scan, record.scan_id) is not None:
        review = session.get(Review, payload.get("review_id", ""))
        same = review is not None and (
            review.decision == payload.get("decision")
            and review.reviewer == payload.get("reviewer")
            and sha256_of(review.annotations) == payload.get("annotations_sha256")
            and sha256_of(review.note) == payload.get("note_sha256")
        )
        if not same:
            yield f"scan {record.scan_id}: review {payload.get('review_id')} is not the one that was recorded"


def _same_metadata(scan: Scan) -> bool:
    """Whether the columns that lists search by say what the answer says."""
    answer = json.loads(scan.answer)
    return all(getattr(scan, name) == answer[name] for name in ("item_id", "scanner_id", "lane", "tags"))
