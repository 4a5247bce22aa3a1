import numpy as np
import pytest

from datasets.render.chances import Chances
from datasets.render.clutter.shapes import between, pick, uniform

WEIGHTS = {"a": 0.5, "b": 3.0, "c": 1.25, "d": 0.01}


def test_draws_are_those_of_choice_and_leave_the_same_chance_behind() -> None:
    """Parcels that were rendered before must come out again, so every draw has to take what it always took."""
    rng, again = np.random.default_rng(7), np.random.default_rng(7)
    chances, names = Chances(WEIGHTS), list(WEIGHTS)
    shares = np.array(list(WEIGHTS.values())) / sum(WEIGHTS.values())
    for _ in range(300):
        assert chances.draw(rng) == again.choice(names, p=shares)
        assert pick(rng, *names) == again.choice(names)
        assert uniform(rng, -3, 11.5) == again.uniform(-3, 11.5)
        low, high = (-0.36, 2.0, 0.1), (0.36, 7.0, 0.9)
        np.testing.assert_array_equal(between(rng.random((2, 3)), low, high), again.uniform(low, high, (2, 3)))
    assert rng.bit_generator.state == again.bit_generator.state


def test_names_come_as_often_as_their_weights_say() -> None:
    rng, chances = np.random.default_rng(3), Chances({"often": 3, "never": 0, "seldom": 1})
    drawn = [chances.draw(rng) for _ in range(2000)]
    assert drawn.count("often") / len(drawn) == pytest.approx(0.75, abs=0.04)
    assert "never" not in drawn
