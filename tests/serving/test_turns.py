"""Who has to be done first goes first, and no place is lost whatever becomes of those that wait."""

from __future__ import annotations

import asyncio

import pytest

from serving.turns import Turns


async def _hold(turns: Turns, due: float, order: list[float], leave: asyncio.Event) -> None:
    async with turns.turn(due):
        order.append(due)
        await leave.wait()


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_of_those_that_wait_whoever_is_due_first_goes_first() -> None:
    async def scene() -> list[float]:
        turns, leave = Turns(2), asyncio.Event()
        order: list[float] = []
        holders = [asyncio.create_task(_hold(turns, due, order, leave)) for due in (9.0, 8.0, 7.0, 3.0, 5.0, 3.5)]
        await _settle()
        assert order == [9.0, 8.0], "there are two places"
        leave.set()
        await asyncio.gather(*holders)
        return order

    assert asyncio.run(scene()) == [9.0, 8.0, 3.0, 3.5, 5.0, 7.0]


@pytest.mark.parametrize("at_the_same_moment", [False, True])
def test_one_that_gives_up_takes_no_place_along(at_the_same_moment: bool) -> None:
    async def scene() -> list[float]:
        turns, leave = Turns(1), asyncio.Event()
        order: list[float] = []

        async def first() -> None:
            await _hold(turns, 1.0, order, leave)
            given_up.cancel()  # its place is the second one's by now, which has not run since

        holders = [asyncio.create_task(first())]
        await _settle()
        given_up = asyncio.create_task(_hold(turns, 2.0, order, leave))
        holders.append(asyncio.create_task(_hold(turns, 3.0, order, leave)))
        await _settle()
        if not at_the_same_moment:
            given_up.cancel()
            await _settle()
        leave.set()
        async with asyncio.timeout(5):
            await asyncio.gather(*holders)
            await _hold(turns, 4.0, order, leave)
        assert given_up.cancelled()
        return order

    assert asyncio.run(scene()) == [1.0, 3.0, 4.0]


def test_an_error_gives_the_place_back() -> None:
    async def scene() -> None:
        turns = Turns(1)
        with pytest.raises(OSError, match="disk"):
            async with turns.turn(1.0):
                raise OSError("disk")
        async with asyncio.timeout(5), turns.turn(1.0):
            pass

    asyncio.run(scene())
