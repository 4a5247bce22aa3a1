"""Which images each epoch sees: stated shares of several sources, in an order that survives a kill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.ranks import ALONE, Rank

__all__ = ["EpochOrder", "Pool"]


@dataclass(frozen=True, slots=True)
class Pool:
    """Images that are drawn from together.

    Attributes:
        images: how many there are.
        share: of the images of an epoch; the shares of all pools add up to 1.
        generation: another number, another order; raised when the images behind the pool are replaced.
    """

    images: int
    share: float = 1.0
    generation: int = 0


class EpochOrder:
    """Draws indices into the images of all pools, one pool after another, in seeded random order.

    No image of a pool comes twice before all of it came once. What an epoch sees is a function of seed, epoch and
    pools alone, so that a resumed run goes on with the images that it has not seen.
    """

    def __init__(
        self, pools: Sequence[Pool], epoch_images: int, seed: int, first_epoch: int = 0, rank: Rank = ALONE
    ) -> None:
        self.pools, self.epoch_images, self.seed, self.epoch = tuple(pools), epoch_images, seed, first_epoch
        self.rank = rank  # of processes that share every epoch; its images are a multiple of their number

    def __len__(self) -> int:
        return self.epoch_images // self.rank.of

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: epochs follow one another by themselves, also where a loader is ahead of the training."""

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of the next epoch."""
        epoch = self.epoch
        self.epoch += 1
        drawn: list[int] = []
        first = 0
        for number, (pool, count) in enumerate(zip(self.pools, self._counts(), strict=True)):
            drawn += (first + index for index in self._turns(number, pool, epoch * count, count))
            first += pool.images
        if len(self.pools) > 1:
            drawn = [drawn[place] for place in np.random.default_rng([self.seed, epoch]).permutation(len(drawn))]
        yield from drawn[self.rank.number :: self.rank.of]

    def _counts(self) -> list[int]:
        """Return the images of each pool in an epoch: rounded down, what is left goes to the largest remainders."""
        exact = np.array([pool.share for pool in self.pools]) * self.epoch_images
        counts = np.floor(exact).astype(int)
        for index in np.argsort(counts - exact, kind="stable")[: self.epoch_images - counts.sum()]:
            counts[index] += 1
        return [int(count) for count in counts]

    def _turns(self, number: int, pool: Pool, start: int, count: int) -> Iterator[int]:
        position = start
        while position < start + count:
            turn, offset = divmod(position, pool.images)
            order = np.random.default_rng([self.seed, number, pool.generation, turn]).permutation(pool.images)
            part = order[offset : offset + start + count - position]
            position += len(part)
            yield from (int(index) for index in part)
