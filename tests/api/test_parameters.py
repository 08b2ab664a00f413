"""The parameters of a segmentation, from the query, a form or JSON."""

import re
from base64 import encodebytes
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from api.parameters import Parameters, check_names
from core.errors import InvalidRequest
from core.labels import LABELS
from core.parameters import PARAMETERS
from tests.support.application import predict
from tests.support.images import base64_of
from tests.support.paths import ASTRONAUT, CHELSEA

PHOTO = CHELSEA.read_bytes()


@pytest.mark.parametrize("name", PARAMETERS)
def test_default_of_parameter_is_allowed(name: str) -> None:
    default, text = Parameters().value(name), PARAMETERS[name].default_text
    assert Parameters({name: [text]} if text else {}).value(name) == default


def test_parameters_of_query_and_body_count_together() -> None:
    parameters = Parameters({"size": ["original"], "type": ["a"]}, {"min_score": ["0.5"], "type": ["b"]})
    assert (parameters.value("size"), parameters.value("min_score")) == ("original", 0.5)


@pytest.mark.parametrize(
    ("name", "query", "body"),
    [
        ("size", ["original"], ["original"]),
        ("crop", ["True"], ["1"]),
        ("min_score", ["0.50"], ["0.5"]),
        ("classes", ["cat,dog"], ["cat", "dog"]),
    ],
)
def test_parameter_with_the_same_value_in_query_and_body_counts_once(
    name: str, query: list[str], body: list[str]
) -> None:
    parameters = Parameters({name: query}, {name: body})
    if name == "classes":
        assert parameters.options(LABELS).classes == {8, 12}
    else:
        assert parameters.value(name) == Parameters({name: body}).value(name)


@pytest.mark.parametrize(
    ("name", "query", "body", "message"),
    [
        ("size", ["model"], ["original"], "size: it is 'model' in the query and 'original' in the body; send it once"),
        ("crop", ["false"], ["1"], "crop: it is 'false' in the query and '1' in the body; send it once"),
        (
            "classes",
            ["cat"],
            ["cat", "dog"],
            "classes: it is 'cat' in the query and 'cat, dog' in the body; send it once",
        ),
        ("size", ["x"], ["original"], "size: 'x' is not allowed; allowed: model, original"),
        ("size", ["model"], ["x"], "size: 'x' is not allowed; allowed: model, original"),
    ],
)
def test_parameter_with_other_values_in_query_and_body_raises(
    name: str, query: list[str], body: list[str], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"^{re.escape(message)}"):
        Parameters({name: query}, {name: body})


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1", "yes", "on"])
def test_flag_of_any_usual_spelling_is_true(text: str) -> None:
    assert Parameters({"crop": [text]}).value("crop") is True


@pytest.mark.parametrize("text", ["false", "False", "FALSE", "0", "no", "off"])
def test_flag_of_any_usual_spelling_is_false(text: str) -> None:
    assert Parameters({"crop": [text]}).value("crop") is False


@pytest.mark.parametrize("text", ["", "2", "-1", "t", "wahr", "1.0", "null"])
def test_flag_of_another_spelling_raises(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"crop: '.*' is not allowed; allowed: true, false"):
        Parameters({"crop": [text]}).value("crop")


@pytest.mark.parametrize("values", [["cat,dog"], ["cat", "dog"], ["cat", "8,Dog"], ["", "cat", "dog"], [" CAT ", "12"]])
def test_classes_are_separated_by_commas_or_repeated(values: list[str]) -> None:
    assert Parameters({"classes": values}).options(LABELS).classes == {8, 12}


def test_classes_that_are_empty_select_all() -> None:
    assert Parameters({"classes": [""]}).options(LABELS) == Parameters().options(LABELS)


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name != "classes"])
def test_parameter_with_one_value_that_is_given_twice_raises(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{name}: it is given 2 times; give one value"):
        Parameters({name: ["1", "1"]}).value(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("outptu", "output"),
        ("Output", "output"),
        ("class", "classes"),
        ("classes[]", "classes"),
        ("edge", "edges"),
        ("min-score", "min_score"),
        ("sise", "size"),
    ],
)
def test_misspelt_name_raises_with_suggestion(name: str, meant: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(f"{name}: there is no such parameter; did you mean {meant}?")):
        Parameters({name: ["x"]})


# What other clients send: MAX's, upload widgets, caches, Triton's parameters.
OTHERS = ["type", "image", "file", "files", "filename", "name", "id", "model", "format", "mask", "_", "t", "key", ""]
OTHERS += ["timeout", "priority", "sequence_id", "binary_data_output", "inputs", "parameters", "utm_source", "x" * 5000]


def test_names_of_others_are_ignored() -> None:
    check_names(OTHERS)


@pytest.mark.parametrize("where", ["query", "form", "JSON"])
def test_parameter_counts_wherever_it_is_sent(client: Client, where: str) -> None:
    response = posted(client, where, output="objects", classes="person", size="original", type="undefined")
    assert response.status_code == 200
    body = response.get_json()
    assert [found["label"] for found in body["objects"]] == ["person"]
    assert body["image_size"] == [512, 512]


@pytest.mark.parametrize("where", ["query", "form", "JSON"])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("outptu", "mask", "outptu: there is no such parameter; did you mean output?"),
        ("output", "png", "output: 'png' is not allowed; allowed: map, objects"),
        ("classes", "dgo", "classes: 'dgo' is not a class; did you mean dog? allowed: "),
    ],
)
def test_wrong_parameter_returns_400_wherever_it_is_sent(
    client: Client, where: str, name: str, value: str, message: str
) -> None:
    response = posted(client, where, **{name: value})
    assert response.status_code == 400
    assert response.get_json()["message"].startswith(message)


@pytest.mark.parametrize("where", ["query", "form"])
def test_repeated_parameter_keeps_all_classes_and_rejects_two_outputs(client: Client, where: str) -> None:
    both = posted(client, where, output="objects", classes=["dog", "person"])
    assert [found["label"] for found in both.get_json()["objects"]] == ["person"]
    twice = posted(client, where, output=["map", "mask"])
    assert (twice.status_code, twice.get_json()) == (400, {"message": "output: it is given 2 times; give one value"})


@pytest.mark.parametrize("where", ["form", "JSON"])
def test_conflict_of_query_and_body_returns_400(client: Client, where: str) -> None:
    response = posted(client, where, "?size=model", size="original")
    message = "size: it is 'model' in the query and 'original' in the body; send it once"
    assert (response.status_code, response.get_json()) == (400, {"message": message})
    assert posted(client, where, "?size=original", size="original").status_code == 200


def posted(client: Client, where: str, query: str = "", **values: Any) -> TestResponse:
    """Post the photo of a person with parameters in one part of the request, and more in its `query`."""
    photo, path = ASTRONAUT.read_bytes(), f"/model/predict{query}"
    if where == "query":
        return client.post(path, query_string=values, data=photo)
    if where == "form":
        return client.post(path, data={"image": (BytesIO(photo), "a.jpg"), **values})
    return client.post(path, json={"image": base64_of(photo), **values})


def test_default_response_is_the_same_for_each_form_of_upload(client: Client) -> None:
    form = predict(client)
    for options in (
        {"data": PHOTO},
        {"data": PHOTO, "content_type": "image/jpeg"},
        {"data": PHOTO, "content_type": "image/png"},  # the content decides
        {"data": PHOTO, "content_type": "application/octet-stream"},
        {"data": {"file": (BytesIO(PHOTO), "")}},
        {"json": {"image": base64_of(PHOTO)}},
        {"json": {"image": encodebytes(PHOTO).decode()}},  # in lines
        {"json": {"image": f"DATA:image/jpeg;name=a.jpg;Base64,{base64_of(PHOTO)}"}},
        {"json": {"file": f"data:image/jpeg;base64,{base64_of(PHOTO)}", "type": "undefined", "output": None}},
    ):
        response = client.post("/model/predict", **options)
        assert (response.status_code, response.data) == (200, form.data)
