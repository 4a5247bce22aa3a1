from __future__ import annotations

from collections import Counter

import pytest

from training.epoch_order import EpochOrder, Pool


@pytest.mark.parametrize("epoch_images", [3, 7, 10, 24])
def test_no_image_comes_twice_before_all_came_once(epoch_images: int) -> None:
    order = EpochOrder([Pool(10)], epoch_images, seed=4)
    seen = [index for _ in range(10) for index in order]
    assert len(seen) == 10 * epoch_images
    for turn in range(len(seen) // 10):
        assert sorted(seen[turn * 10 : turn * 10 + 10]) == list(range(10))


def test_a_resumed_run_goes_on_where_the_first_stopped() -> None:
    for pools in ([Pool(10)], [Pool(10, 0.3), Pool(4, 0.7)]):
        whole = EpochOrder(pools, 4, seed=1)
        epochs = [list(whole) for _ in range(6)]
        assert [list(EpochOrder(pools, 4, seed=1, first_epoch=3))] == [epochs[3]]
        assert list(EpochOrder(pools, 4, seed=2)) != epochs[0]


def test_an_epoch_holds_each_pool_by_its_share() -> None:
    order = EpochOrder([Pool(100, 0.25), Pool(3, 0.5), Pool(50, 0.25)], 40, seed=0)
    few: Counter[int] = Counter()
    for _ in range(5):
        drawn = list(order)
        assert Counter("abc"[(index >= 100) + (index >= 103)] for index in drawn) == {"a": 10, "b": 20, "c": 10}
        assert sorted(drawn) != drawn, "the pools must be mixed"
        few.update(index for index in drawn if 100 <= index < 103)
    assert sorted(few.values()) == [33, 33, 34], "of a small pool all images come equally often"
    order.epoch = 0
    assert len({index for _ in range(10) for index in order if index < 100}) == 100


def test_shares_that_do_not_divide_an_epoch_still_fill_it() -> None:
    order = EpochOrder([Pool(5, 1 / 3), Pool(5, 1 / 3), Pool(5, 1 / 3)], 16, seed=0)
    counts = Counter(index // 5 for index in order)
    assert sum(counts.values()) == 16
    assert sorted(counts.values()) == [5, 5, 6]


def test_new_images_behind_a_pool_come_in_another_order() -> None:
    before, after = (list(EpochOrder([Pool(50, 1.0, generation)], 50, seed=3)) for generation in (0, 1))
    assert before != after
    assert sorted(before) == sorted(after)
