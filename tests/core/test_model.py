"""ModelWrapper.segment(): sizes, classes, encoders, stages and the pixel limit."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.decoders.decoder_pool import DecoderPool
from core.errors import ImageTooLarge, InvalidRequest
from core.image.decode import read_image
from core.labels import LABELS
from core.model import ModelWrapper
from core.output import render
from core.output.encode import Encoded
from core.outputs import OUTPUTS
from core.parameters import encoder
from core.runtime.queue import RequestQueue
from core.types import EngineOptions, Options
from core.weights.registry import MOBILE, custom_weights
from tests.support.fake_engine import NEVER, FakeEngine, loaded_model
from tests.support.images import encode
from tests.support.observer import Recorder
from tests.support.paths import ASTRONAUT, CHELSEA

CAT = CHELSEA.read_bytes()
CAT_SIZE = (451, 300)


@pytest.fixture(scope="module")
def model() -> ModelWrapper:
    """The model with the bundled graph, loaded."""
    model = ModelWrapper(
        custom_weights(MOBILE, None),
        EngineOptions(threads=2),
        RequestQueue(1, 4, NEVER),
        DecoderPool(513, 50_000_000, NEVER),
    )
    model.loading.result()
    return model


def image_of(encoded: Encoded) -> Image.Image:
    return Image.open(io.BytesIO(encoded.content))


@pytest.mark.parametrize(("photo", "label", "fraction"), [(ASTRONAUT, "person", 0.4), (CHELSEA, "cat", 0.7)])
def test_segment_of_sample_photo_finds_its_subject(
    model: ModelWrapper, photo: Path, label: str, fraction: float
) -> None:
    encoded = model.segment(photo.read_bytes(), None)
    assert np.mean(encoded.seg_map == LABELS.index(label)) > fraction
    assert max(encoded.width_height) == 513


def test_segment_without_encoder_returns_label_map_without_content(model: ModelWrapper) -> None:
    encoded = model.segment(CAT, None)
    assert (encoded.content, encoded.mimetype) == (b"", "")
    assert encoded.width_height == (513, 341)


def test_segment_of_rotated_jpeg_has_size_of_upright_photo(model: ModelWrapper) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    with Image.open(CHELSEA) as cat:
        data = encode(cat.resize((900, 600)).rotate(90, expand=True), "JPEG", exif=exif)
    small = model.segment(data, encoder("overlay"))
    large = model.segment(data, encoder("overlay"), Options("original", edges="model"))
    assert small.width_height == image_of(small).size == (513, 342)
    assert large.width_height == image_of(large).size == (900, 600)
    reduced = np.asarray(Image.fromarray(large.seg_map).resize((513, 342), Image.Resampling.NEAREST))
    assert np.mean(reduced == small.seg_map) > 0.995


def test_segment_with_classes_replaces_other_classes_by_background(model: ModelWrapper) -> None:
    before = model.segment(CAT, None).seg_map
    after = model.segment(CAT, None, Options(classes={15})).seg_map
    assert np.array_equal(after, np.where(before == 15, 15, 0))
    assert 8 in before


@pytest.mark.parametrize("output", OUTPUTS)
def test_segment_at_original_size_has_same_labels_for_each_encoder(model: ModelWrapper, output: str) -> None:
    expected = model.segment(CAT, None, Options(size="original")).seg_map
    assert expected.shape == (300, 451)
    assert np.array_equal(model.segment(CAT, encoder(output), Options(size="original")).seg_map, expected)


@pytest.mark.parametrize("output", ["overlay", "cutout"])
def test_segment_at_original_size_renders_labels_of_mask_on_the_photo(model: ModelWrapper, output: str) -> None:
    mask = np.asarray(image_of(model.segment(CAT, encoder("mask"), Options(size="original"))))
    photo = np.asarray(read_image(CAT, 10**6).image)
    expected: Image.Image = getattr(render, output)(photo, mask)
    picture = image_of(model.segment(CAT, encoder(output), Options(size="original")))
    assert (picture.mode, picture.size) == (expected.mode, CAT_SIZE)
    assert picture.tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", ["model", "original"])
@pytest.mark.parametrize("output", [name for name in OUTPUTS if name != "confidence"])
def test_segment_decodes_the_file_once(output: str, size: Any, engine: FakeEngine, decodings: list[str]) -> None:
    loaded_model().segment(CAT, encoder(output), Options(size=size))
    assert len(decodings) == 1


@pytest.mark.parametrize("options", [Options(edges="photo"), Options(min_score=0.5), Options(look="twice")])
def test_segment_that_needs_logits_of_graph_without_them_raises_invalid_request(
    engine: FakeEngine, options: Options
) -> None:
    with pytest.raises(InvalidRequest, match="hides its logits"):
        loaded_model().segment(CAT, None, options)
    with pytest.raises(InvalidRequest, match="hides its logits"):
        loaded_model().segment(CAT, encoder("confidence"))
    assert loaded_model().segment(CAT, None, Options("original")).width_height == CAT_SIZE


def test_segment_observes_the_stages_of_a_request(engine: FakeEngine) -> None:
    recorder = Recorder()
    model = loaded_model(RequestQueue(1, 1, NEVER, recorder))
    model.segment(CAT, encoder("map"))
    assert [stage for stage, _ in recorder.stages] == ["queue", "decode", "inference", "encode"]


def test_segment_of_image_above_pixel_limit_raises_image_too_large(model: ModelWrapper) -> None:
    with pytest.raises(ImageTooLarge):
        model.segment(encode(Image.new("1", (10_000, 5_001))), None)
