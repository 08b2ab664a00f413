"""The classes and how a request names them."""

import pytest

from core.errors import InvalidRequest
from core.labels import LABELS, class_ids


def test_ids_are_those_of_pascal_voc() -> None:
    assert len(LABELS) == 21
    assert (LABELS[0], LABELS[8], LABELS[15], LABELS[20]) == ("background", "cat", "person", "tvmonitor")


@pytest.mark.parametrize(
    ("text", "ids"), [("person", {15}), ("15", {15}), (" Cat , 15", {8, 15}), ("cat,8,cat", {8}), ("background", {0})]
)
def test_names_and_ids_are_understood(text: str, ids: set[int]) -> None:
    assert class_ids(text, LABELS) == ids


@pytest.mark.parametrize("text", ["dgo", "21", "-1", "", "cat,", "1.0", "cat dog"])
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"allowed.*8 cat"):
        class_ids(text, LABELS)
