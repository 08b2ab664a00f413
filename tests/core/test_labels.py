"""Class names, and the selection of classes by name or id."""

import pytest

from core.errors import InvalidRequest, ModelError
from core.labels import LABELS, class_ids, read_labels


def test_labels_have_ids_of_pascal_voc() -> None:
    assert len(LABELS) == 21
    assert (LABELS[0], LABELS[8], LABELS[15], LABELS[20]) == ("background", "cat", "person", "tvmonitor")


@pytest.mark.parametrize(
    ("text", "ids"), [("person", {15}), ("15", {15}), (" Cat , 15", {8, 15}), ("cat,8,cat", {8}), ("background", {0})]
)
def test_class_ids_of_names_and_ids_returns_ids(text: str, ids: set[int]) -> None:
    assert class_ids(text, LABELS) == ids


@pytest.mark.parametrize("text", ["dgo", "21", "-1", "", "cat,", "1.0", "cat dog"])
def test_class_ids_of_other_text_names_the_allowed_classes(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"allowed.*8 cat"):
        class_ids(text, LABELS)


def test_class_ids_with_custom_labels_ignores_case() -> None:
    assert class_ids("road,2,bürgersteig", ("background", "Road", "Bürgersteig")) == {1, 2}


def test_read_labels_ignores_byte_order_mark_and_white_space() -> None:
    labels = read_labels("\ufeffbackground\r\n Road \nBürgersteig\n\n".encode(), "labels.txt")
    assert labels == ("background", "Road", "Bürgersteig")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found 0"),
        (b"one", "found 1"),
        (b"\n".join(b"c%d" % i for i in range(257)), "found 257"),
        (b"a\xff\nb", "not UTF-8 text"),
        (b"a\n\nb", "line 2: ''"),
        (b"a\nb,c", "line 2: 'b,c' can't be a name"),
        (b"a\n7", "line 2: '7'"),
        (b"a\nb\nA", "line 3: 'A'"),
        (b"a\nb\0", "line 2: 'b.x00'"),
    ],
)
def test_read_labels_of_invalid_file_raises_model_error(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=f"the labels labels.txt.*{message}"):
        read_labels(content, "labels.txt")
