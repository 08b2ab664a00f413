"""Class names, and the selection of classes by name or id."""

import re

import pytest

from core.errors import InvalidRequest, ModelError
from core.labels import LABELS, SYNONYMS, class_ids, read_labels


def test_labels_have_ids_of_pascal_voc() -> None:
    assert len(LABELS) == 21
    assert (LABELS[0], LABELS[8], LABELS[15], LABELS[20]) == ("background", "cat", "person", "tv")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("person", {15}),
        ("15", {15}),
        (" Cat , 15", {8, 15}),
        ("cat,8,cat", {8}),
        ("background", {0}),
        ("Dining Table,dining-table,DINING_TABLE", {11}),
        ("TV,tvmonitor,tv-monitor", {20}),
        ("airplane,motorcycle,couch,television,bike,table,plant", {1, 14, 18, 20, 2, 11, 16}),
    ],
)
def test_class_ids_of_names_and_ids_returns_ids(text: str, ids: set[int]) -> None:
    assert class_ids(text.split(","), LABELS) == ids


def test_synonyms_are_names_of_classes_and_no_class_themselves() -> None:
    assert set(SYNONYMS.values()) <= set(LABELS)
    assert not set(SYNONYMS) & set(LABELS)


@pytest.mark.parametrize("text", ["dgo", "21", "-1", "", "cat,", "1.0", "cat dog"])
def test_class_ids_of_other_text_names_the_allowed_classes(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"allowed.*8 cat"):
        class_ids(text.split(","), LABELS)


@pytest.mark.parametrize(
    ("name", "label"), [("dgo", "dog"), ("persn", "person"), ("Motor-cycel", "motorbike"), ("teevee", None)]
)
def test_class_ids_of_misspelt_name_suggests_nearest_class(name: str, label: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        class_ids([name], LABELS)
    assert re.findall("did you mean (.*?)[?]", str(caught.value)) == ([label] if label else [])


def test_class_ids_with_custom_labels_ignores_case() -> None:
    assert class_ids(["road", "2", "bürgersteig"], ("background", "Road", "Bürgersteig")) == {1, 2}


def test_class_ids_with_custom_labels_prefer_them_to_synonyms_and_to_names_that_differ_in_a_hyphen() -> None:
    labels = ("background", "re-cover", "recover", "sofa", "couch", "1 2")
    assert class_ids(["recover"], labels) == {2}
    assert class_ids(["re-cover"], labels) == {1}
    assert class_ids(["couch"], labels) == {4}
    with pytest.raises(InvalidRequest, match="'12' is not a class"):
        class_ids(["12"], labels[:5])
    with pytest.raises(InvalidRequest, match="'-1' is not a class"):
        class_ids(["-1"], labels)


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
