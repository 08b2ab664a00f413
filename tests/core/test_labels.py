"""The classes and how a request names them."""

import pytest

from core.errors import InvalidRequest, ModelError
from core.labels import LABELS, class_ids, read_labels


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


def test_names_of_ones_own() -> None:
    labels = read_labels("\ufeffbackground\r\n Road \nBürgersteig\n\n".encode(), "labels.txt")
    assert labels == ("background", "Road", "Bürgersteig")
    assert class_ids("road,2,bürgersteig", labels) == {1, 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found 0"),
        (b"one", "found 1"),
        (b"\n".join(b"c%d" % i for i in range(257)), "found 257"),
        (b"a\xff\nb", "not a text file in UTF-8"),
        (b"a\n\nb", "line 2: ''"),
        (b"a\nb,c", "line 2: 'b,c' can't be a name"),
        (b"a\n7", "line 2: '7'"),
        (b"a\nb\nA", "line 3: 'A'"),
        (b"a\nb\0", "line 2: 'b.x00'"),
    ],
)
def test_what_can_not_be_a_list_of_names_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=f"the labels labels.txt.*{message}"):
        read_labels(content, "labels.txt")
