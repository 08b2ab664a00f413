"""The clients of other services, from PyPI and unchanged, do their work with the running service."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import requests
import tritonclient.http as triton
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from PIL import Image
from pycocotools import mask as coco
from tritonclient.utils import InferenceServerException

from core.labels import LABELS
from core.types import UInt8Array
from tests.support.blockable_service import BlockableService
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess, running_service, wait_for

MODEL, KEY = "max-image-segmenter", "s3cret"
PHOTO = CHELSEA.read_bytes()


@pytest.fixture(scope="module")
def guarded_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with an API key, from a file."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "key").write_text(f"{KEY}\n")
    with running_service(log=folder / "log", IMAGE_SIZE="65", API_KEY_FILE=str(folder / "key")) as service:
        yield service
        assert service.stop() == 0


def labels_of(service: ServiceProcess, photo: bytes, **query: str) -> UInt8Array:
    """Return the label map that /model/predict returns."""
    mask = service.predict(photo, params={"output": "mask", **query})
    return np.asarray(Image.open(BytesIO(mask.content)))


# ---- Hugging Face


def hugging_face(service: ServiceProcess, token: str | None = None) -> InferenceClient:
    """Return a client of the service, which it treats as an inference endpoint."""
    return InferenceClient(model=f"{service.url}/hf/image-segmentation", token=token, timeout=TIMEOUT)


def test_huggingface_hub_gets_masks_of_classes_of_photo(service: ServiceProcess, pictures: Path) -> None:
    found = hugging_face(service).image_segmentation(ASTRONAUT)
    seg_map = labels_of(service, ASTRONAUT.read_bytes(), size="original")
    assert [element.label for element in found] == [LABELS[class_] for class_ in np.unique(seg_map)]
    for element in found:
        mask = element.mask
        assert isinstance(mask, Image.Image)
        assert (mask.mode, mask.size) == ("L", (512, 512))
        assert np.array_equal(np.asarray(mask), (seg_map == LABELS.index(element.label)) * np.uint8(255))
        assert 0 < (element.score or 0) <= 1
        mask.save(pictures / f"hf-{element.label}.png")


def test_huggingface_hub_with_parameters_gets_fewer_masks_and_smaller_ones(service: ServiceProcess) -> None:
    client = hugging_face(service)
    whole = {element.label: element for element in client.image_segmentation(ASTRONAUT)}
    weakest = min(element.score or 0 for element in whole.values())
    strong = client.image_segmentation(ASTRONAUT, threshold=weakest + 0.01, subtask="semantic")
    assert 0 < len(strong) < len(whole)
    sure = {element.label: element for element in client.image_segmentation(ASTRONAUT, mask_threshold=0.99)}
    person = np.asarray(whole["person"].mask), np.asarray(sure["person"].mask)
    assert 0 < np.count_nonzero(person[1]) < np.count_nonzero(person[0])
    assert not (person[1] & ~person[0]).any()


def test_huggingface_hub_gets_a_mask_for_each_instance(service: ServiceProcess) -> None:
    found = hugging_face(service).image_segmentation(CHELSEA, subtask="instance")
    assert "cat" in {element.label for element in found}
    assert "background" not in {element.label for element in found}


def test_huggingface_hub_with_other_subtask_raises_error_with_message(service: ServiceProcess) -> None:
    with pytest.raises(HfHubHTTPError, match="subtask: 'panoptic' is not supported"):
        hugging_face(service).image_segmentation(CHELSEA, subtask="panoptic")


def test_huggingface_hub_with_key_as_token_gets_masks(guarded_service: ServiceProcess) -> None:
    assert hugging_face(guarded_service, KEY).image_segmentation(PHOTO)
    for token in (None, "wrong"):
        with pytest.raises(HfHubHTTPError, match="401"):
            hugging_face(guarded_service, token).image_segmentation(PHOTO)


# ---- Triton's client of the Open Inference Protocol


@pytest.fixture
def triton_client(service: ServiceProcess) -> Iterator[triton.InferenceServerClient]:
    """Triton's client of the service."""
    with triton.InferenceServerClient(f"127.0.0.1:{service.port}", network_timeout=TIMEOUT) as client:
        yield client


def photo_input(photo: bytes, *, binary: bool = True) -> triton.InferInput:
    """Return the input tensor: the file, or its base64 in the JSON."""
    tensor = triton.InferInput("image", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([photo if binary else base64.b64encode(photo)], object), binary_data=binary)
    return tensor


def test_tritonclient_finds_a_ready_server_and_its_model(triton_client: triton.InferenceServerClient) -> None:
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready(MODEL)
    assert triton_client.is_model_ready(MODEL, "1")
    assert not triton_client.is_model_ready("other")
    assert triton_client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = triton_client.get_model_metadata(MODEL, "1")
    assert metadata["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [1]}]
    assert [output["name"] for output in metadata["outputs"]] == ["seg_map", "mask_png", "objects", "cutout"]


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_without_outputs_gets_label_map(
    triton_client: triton.InferenceServerClient, service: ServiceProcess, binary: bool
) -> None:
    result = triton_client.infer(MODEL, [photo_input(PHOTO, binary=binary)], request_id="mine")
    seg_map = result.as_numpy("seg_map")
    assert seg_map.dtype == np.uint8
    assert np.array_equal(seg_map, labels_of(service, PHOTO))
    assert result.get_response()["id"] == "mine"


def test_raw_binary_request_gets_what_tritonclient_reads(service: ServiceProcess) -> None:
    url = f"{service.url}/v2/models/{MODEL}/infer?size=original&classes=cat"
    length = "Inference-Header-Content-Length"
    response = requests.post(url, data=PHOTO, headers={length: "0"}, timeout=TIMEOUT)
    assert response.headers["Content-Type"] == "application/octet-stream"
    parse = triton.InferenceServerClient.parse_response_body
    seg_map = parse(response.content, header_length=int(response.headers[length])).as_numpy("seg_map")
    assert np.array_equal(seg_map, labels_of(service, PHOTO, size="original", classes="cat"))


def test_tritonclient_asks_for_extensions_that_the_service_does_not_name_and_gets_404(
    triton_client: triton.InferenceServerClient,
) -> None:
    for ask in (triton_client.get_model_config, triton_client.get_inference_statistics):
        with pytest.raises(InferenceServerException, match=r"404.* does not exist"):
            ask(MODEL)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_tritonclient_with_compressed_request_gets_415(
    triton_client: triton.InferenceServerClient, algorithm: str
) -> None:
    with pytest.raises(InferenceServerException, match=rf"415.*Content-Encoding: {algorithm} is not served"):
        triton_client.infer(MODEL, [photo_input(PHOTO)], request_compression_algorithm=algorithm)


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_gets_requested_outputs(
    triton_client: triton.InferenceServerClient, service: ServiceProcess, binary: bool
) -> None:
    names = ("objects", "mask_png", "seg_map", "cutout")
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    parameters = {"size": "original", "edges": "model", "classes": "Cat,tvmonitor", "min_score": 0.1}
    result = triton_client.infer(MODEL, [photo_input(PHOTO)], outputs=outputs, parameters=parameters)
    expected = labels_of(service, PHOTO, size="original", edges="model", classes="cat,tv")
    seg_map = result.as_numpy("seg_map")
    assert np.array_equal(seg_map, expected)
    [png], [text] = result.as_numpy("mask_png"), result.as_numpy("objects")
    png = png if binary else base64.b64decode(png)
    assert np.array_equal(np.asarray(Image.open(BytesIO(png))), expected)
    [cat] = json.loads(text)["objects"]
    assert np.array_equal(coco.decode(cat["rle"]), expected == 8)
    [cutout] = result.as_numpy("cutout")
    selected = {"size": "original", "output": "cutout", "edges": "model", "classes": "cat,tv", "min_score": "0.1"}
    assert (cutout if binary else base64.b64decode(cutout)) == service.predict(PHOTO, params=selected).content


def test_tritonclient_with_compressed_response_gets_label_map(triton_client: triton.InferenceServerClient) -> None:
    outputs = [triton.InferRequestedOutput("seg_map", binary_data=False)]
    result = triton_client.infer(MODEL, [photo_input(PHOTO)], outputs=outputs, response_compression_algorithm="gzip")
    assert result.as_numpy("seg_map").shape == (341, 513)


@pytest.mark.parametrize(
    ("photo", "options", "message"),
    [
        (b"no photo", {}, "not an image"),
        (PHOTO, {"parameters": {"size": "huge"}}, "size: 'huge' is not allowed"),
        (PHOTO, {"parameters": {"sizes": "model"}}, "did you mean size"),
        (PHOTO, {"outputs": [triton.InferRequestedOutput("logits")]}, "allowed: seg_map, mask_png, objects"),
        (PHOTO, {"request_compression_algorithm": "gzip"}, "Content-Encoding: gzip is not served"),
        (PHOTO, {"model_version": "2"}, "does not exist"),
    ],
)
def test_tritonclient_with_bad_request_raises_error_with_message(
    triton_client: triton.InferenceServerClient, photo: bytes, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InferenceServerException, match=message):
        triton_client.infer(MODEL, [photo_input(photo)], **options)


def test_tritonclient_with_key_in_header_gets_label_map(guarded_service: ServiceProcess) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{guarded_service.port}", network_timeout=TIMEOUT) as client:
        assert client.is_server_ready()
        headers = {"Authorization": f"Bearer {KEY}"}
        assert client.infer(MODEL, [photo_input(PHOTO)], headers=headers).as_numpy("seg_map").shape == (43, 65)
        with pytest.raises(InferenceServerException, match="X-API-Key is missing or wrong"):
            client.infer(MODEL, [photo_input(PHOTO)])


# ---- A full queue


def test_clients_of_full_queue_raise_their_error(small_service: BlockableService) -> None:
    photo = encode(Image.new("RGB", (8, 8)))
    with ThreadPoolExecutor(8) as pool, small_service.blocked():
        for _ in range(8):
            pool.submit(small_service.predict, photo)
        wait_for(lambda: small_service.metric("segmenter_queue_requests") == 8)
        with pytest.raises(HfHubHTTPError, match="QUEUE_SIZE"):
            hugging_face(small_service).image_segmentation(PHOTO)
        with (
            triton.InferenceServerClient(f"127.0.0.1:{small_service.port}") as client,
            pytest.raises(InferenceServerException, match="QUEUE_SIZE"),
        ):
            client.infer(MODEL, [photo_input(PHOTO)])
