"""The memory budget: bytes are reserved up to a limit, and released."""

import pytest

from core.errors import MemoryFull
from core.runtime.budget import MemoryBudget


def test_budget_reserve_beyond_limit_raises_memory_full_and_reserves_nothing() -> None:
    budget = MemoryBudget(10_000_000)
    budget.reserve(6_000_000)
    with pytest.raises(MemoryFull, match=r"holds 6 MB .* may hold 10 MB \(QUEUE_SIZE x MAX_UPLOAD_MB\)"):
        budget.reserve(4_000_001)
    assert budget.reserved == 6_000_000


def test_budget_reserve_up_to_limit_after_release_succeeds() -> None:
    budget = MemoryBudget(10)
    budget.reserve(6)
    budget.reserve(-6)
    budget.reserve(10)
    assert budget.reserved == 10
