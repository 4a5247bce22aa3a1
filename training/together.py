"""What processes that train together need of torch, also on a CPU, where the library does not foresee it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from training.ranks import Rank

__all__ = ["ddp_without_devices", "join_on_cpu", "shared"]

_Value = TypeVar("_Value")
_PATIENCE = timedelta(minutes=30)


def join_on_cpu(rank: Rank) -> None:
    """Join the processes of the run by gloo, which works on any machine."""
    dist.init_process_group("gloo", timeout=_PATIENCE, rank=rank.number, world_size=rank.of)


def shared(value: _Value, rank: Rank) -> _Value:
    """Return the first process's value in all of them."""
    if rank.of == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


class _WithoutDevices(torch.nn.parallel.DistributedDataParallel):
    """Takes a network on the CPU, for which torch accepts no `device_ids`."""

    def __init__(self, module: torch.nn.Module, device_ids: Any = None, **options: Any) -> None:  # noqa: ANN401, ARG002
        super().__init__(module, **options)


@contextmanager
def ddp_without_devices() -> Iterator[None]:
    """Let the library wrap a network on the CPU; it always names a device."""
    parallel = torch.nn.parallel
    plain = parallel.DistributedDataParallel
    parallel.DistributedDataParallel = _WithoutDevices  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        parallel.DistributedDataParallel = plain  # type: ignore[misc]
