"""Ids sort in the order of their making, whoever makes them."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from serving.ids import IdMaker


def test_ids_are_uuid7_and_sort_by_time() -> None:
    make = IdMaker()
    ids = [make() for _ in range(5_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    parsed = uuid.UUID(ids[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert abs((parsed.int >> 80) - time.time() * 1000) < 60_000


def test_threads_get_different_ids() -> None:
    make = IdMaker()
    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(lambda _: make(), range(2_000)))
    assert len(set(ids)) == 2_000
