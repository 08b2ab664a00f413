"""The memory budget: bytes are reserved up to a limit, and released."""

import pytest

from api.budget import MemoryBudget, Reservation
from core.errors import MemoryFull


def test_budget_reserve_beyond_limit_raises_memory_full_and_reserves_nothing() -> None:
    budget = MemoryBudget(10_000_000)
    budget.reserve(6_000_000)
    with pytest.raises(MemoryFull, match=r"holds 6 MB .* may hold 10 MB \(QUEUE_SIZE x MAX_UPLOAD_MB\)"):
        budget.reserve(4_000_001)
    assert budget.reserved == 6_000_000


def test_budget_reserve_up_to_limit_after_release_succeeds() -> None:
    budget = MemoryBudget(10)
    budget.reserve(6)
    budget.release(6)
    budget.reserve(10)
    assert budget.reserved == 10


def test_reservation_release_gives_back_all_bytes_once() -> None:
    budget = MemoryBudget(10)
    budget.reserve(1)
    reservation = Reservation(budget)
    reservation.grow(2)
    reservation.grow(3)
    assert budget.reserved == 6
    reservation.release()
    reservation.release()
    assert budget.reserved == 1


def test_reservation_that_can_not_grow_keeps_the_bytes_it_has() -> None:
    budget = MemoryBudget(10)
    reservation = Reservation(budget)
    reservation.grow(8)
    with pytest.raises(MemoryFull):
        reservation.grow(3)
    assert budget.reserved == 8
    reservation.release()
    assert budget.reserved == 0
