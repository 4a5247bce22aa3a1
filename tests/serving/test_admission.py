"""What becomes of a scan is decided by how many are in work and how fast they leave."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from serving.admission import Admission
from serving.errors import OverloadedError


class Hall:
    """An admission whose clock and whose left-over work the test sets."""

    def __init__(self, sessions: int = 1, queue_limit: int = 10) -> None:
        self.time_s = 0.0
        self.left_over = 0
        self.admission = Admission(
            sessions, queue_limit, lambda: self.left_over, reserve_ms=25, now=lambda: self.time_s
        )

    def fill(self, scans: int) -> ExitStack:
        """Put scans in work that leave when the stack is closed."""
        stack = ExitStack()
        for _ in range(scans):
            assert stack.enter_context(self.admission.place(1e9))
        return stack

    def leave_every(self, seconds: float, scans: int = 150) -> None:
        """Let scans pass, one every so many seconds."""
        for _ in range(scans):
            with self.admission.place(1e9):
                self.time_s += seconds


@pytest.mark.parametrize("sessions", [1, 2, 5])
def test_a_scan_is_taken_while_a_session_is_free_whatever_its_budget(sessions: int) -> None:
    hall = Hall(sessions)
    hall.leave_every(10.0)
    hall.left_over = 1000
    with hall.fill(sessions - 1):
        assert hall.admission.check(0.0)
        assert hall.admission.calm.is_set()
        with hall.fill(1):
            assert not hall.admission.calm.is_set()
    assert hall.admission.calm.is_set()


def test_a_scan_that_would_miss_its_budget_is_put_off_and_one_with_time_is_taken() -> None:
    hall = Hall()
    hall.leave_every(0.1)
    with hall.fill(3):  # a fourth would be done in 400 ms
        assert hall.admission.expected_ms == pytest.approx(400, rel=0.02)
        assert not hall.admission.check(400)
        assert hall.admission.check(600)
        with hall.admission.place(250) as in_time:
            assert not in_time
            assert hall.admission.expected_ms == pytest.approx(400, rel=0.02), "it waits for nobody and holds up nobody"


def test_no_more_are_put_off_than_may_wait() -> None:
    hall = Hall(queue_limit=4)
    hall.leave_every(0.1)
    hall.left_over = 2
    with hall.fill(3), hall.admission.place(250), hall.admission.place(250):
        with pytest.raises(OverloadedError, match="one more would take"):
            hall.admission.check(250)
        assert hall.admission.check(600), "there is still time for this one"
    with hall.fill(3):
        assert not hall.admission.check(250), "what was being put off has left"
        hall.left_over = 4
        with pytest.raises(OverloadedError):
            hall.admission.check(250)


def test_no_more_are_put_off_at_the_same_time_than_can_be_stored_in_time() -> None:
    hall = Hall(queue_limit=50)
    hall.leave_every(0.1)
    for _ in range(200):
        hall.admission.stored(30.0)
    with hall.fill(3), ExitStack() as putting_off:
        for _ in range(5):  # the fifth waits for four, 120 ms
            assert not putting_off.enter_context(hall.admission.place(250))
        with pytest.raises(OverloadedError):
            hall.admission.check(250)


def test_a_full_queue_refuses_whatever_the_budget_and_says_when_to_come_again() -> None:
    hall = Hall(sessions=2, queue_limit=3)
    hall.leave_every(0.0)
    with hall.fill(2):
        hall.time_s += 60
    with hall.fill(5), pytest.raises(OverloadedError, match="no more fit") as refused:
        hall.admission.check(1e9)
    assert refused.value.retry_after_s is not None
    assert refused.value.retry_after_s > 1


def test_the_measure_follows_the_service_and_one_stall_is_forgotten() -> None:
    hall = Hall()
    hall.leave_every(0.02)
    hall.leave_every(5.0, scans=1)
    with hall.fill(1):
        assert not hall.admission.check(250)
    hall.leave_every(0.02)
    with hall.fill(1):
        assert hall.admission.check(250)


def test_a_slow_disk_takes_its_time_out_of_the_budget_until_it_is_fast_again() -> None:
    hall = Hall(queue_limit=30)
    hall.leave_every(0.02)
    assert hall.admission.reserve_ms(500) == 25
    with hall.fill(18):  # one more would be done in 380 ms
        assert hall.admission.check(500)
        for took_ms in (50, 110) * 100:
            hall.admission.stored(took_ms)
        assert hall.admission.reserve_ms(500) == pytest.approx(200, rel=0.1)
        assert not hall.admission.check(500)
        for _ in range(200):
            hall.admission.stored(5)
        assert hall.admission.reserve_ms(500) == 25
        assert hall.admission.check(500)
    hall.admission.stored(5000)
    assert hall.admission.reserve_ms(250) == 125, "a view must still have time to be read"


def test_idle_time_is_no_measure_of_speed() -> None:
    hall = Hall()
    hall.leave_every(0.02)
    before = hall.admission.expected_ms
    hall.time_s += 3600
    hall.leave_every(0.02, scans=1)
    assert hall.admission.expected_ms == pytest.approx(before, rel=0.01)
