"""The second look: at which parts of a photo, and what becomes of its logits."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core.errors import DeadlineExceeded
from core.output.look import MOST_PARTS, look_again
from core.runtime.queue import RequestQueue
from core.types import Options, Prediction, UInt8Array
from tests.support.fake_engine import NEVER, FakeEngine, loaded_model
from tests.support.images import encode

STRIDE, CLASSES, CAT = 8, 3, 2


def prediction_of(image: UInt8Array) -> Prediction:
    """Return what a model sees that takes each bright pixel for a cat: the brighter, the surer."""
    grey = image[::STRIDE, ::STRIDE, 0].astype(np.float32) / 25.5 - 5
    logits = np.zeros((*grey.shape, CLASSES), np.float32)
    logits[..., CAT] = grey
    seg_map = np.where(image[..., 0] > 128, CAT, 0).astype(np.uint8)
    return Prediction(seg_map, logits, STRIDE)


@dataclass
class Model:
    """Remembers which images it has seen."""

    seen: list[UInt8Array] = field(default_factory=list)

    def __call__(self, image: UInt8Array) -> Prediction:
        self.seen.append(image)
        return prediction_of(image)


def photo_with(*objects: tuple[int, int, int, int], size: tuple[int, int] = (600, 800)) -> UInt8Array:
    """Return a black photo of `size`, height and width, with white `objects`: top, left, bottom, right."""
    photo = np.zeros((*size, 3), np.uint8)
    for top, left, bottom, right in objects:
        photo[top:bottom, left:right] = 255
    return photo


def looked(photo: UInt8Array, every: int = 4) -> tuple[Prediction, UInt8Array, Model]:
    """Return the result of a second look at `photo`, of which the first look saw each `every`-th pixel."""
    model, image = Model(), np.ascontiguousarray(photo[::every, ::every])
    return *look_again(prediction_of(image), image, photo, model), model


@pytest.mark.parametrize(
    "photo",
    [photo_with(), photo_with((0, 0, 400, 700)), photo_with((0, 0, 10, 10)), photo_with((100, 0, 130, 800))],
    ids=["nothing", "large", "speck", "wide"],
)
def test_photo_without_small_objects_is_not_looked_at_again(photo: UInt8Array) -> None:
    image = np.ascontiguousarray(photo[::4, ::4])
    first, model = prediction_of(image), Model()
    result, of = look_again(first, image, photo, model)
    assert result is first
    assert of is image
    assert model.seen == []


def test_photo_that_is_no_larger_than_the_image_is_not_looked_at_again() -> None:
    photo = photo_with((100, 100, 140, 140))
    first, model = prediction_of(photo), Model()
    assert look_again(first, photo, photo, model)[0] is first
    assert model.seen == []


def test_second_look_sees_the_object_with_the_pixels_of_the_photo() -> None:
    photo = photo_with((200, 400, 240, 480))
    result, image, model = looked(photo)
    [part] = model.seen
    # The object has 40 x 80 pixels in the photo, and 10 x 20 in the first image.
    assert np.count_nonzero(part[..., 0] > 128) == pytest.approx(40 * 80, rel=0.2)
    assert max(part.shape[:2]) <= 200
    assert image.shape[:2] == result.seg_map.shape
    assert result.needed_logits.shape[:2] == tuple(-(-side // STRIDE) for side in image.shape[:2])
    share = np.count_nonzero(result.seg_map == CAT) / result.seg_map.size
    assert share == pytest.approx(40 * 80 / (600 * 800), rel=0.25)


def test_second_look_takes_the_mean_inside_of_the_part_and_the_first_outside() -> None:
    photo = photo_with((200, 400, 240, 480))
    image = np.ascontiguousarray(photo[::4, ::4])
    blind = Prediction(np.zeros((160, 200), np.uint8), np.full((20, 25, CLASSES), 7, np.float32), STRIDE)
    result, _ = look_again(prediction_of(image), image, photo, lambda part: blind_at(part, blind))
    background = result.needed_logits[..., 0]
    assert set(np.unique(background.round(3)).tolist()) == {0.0, 3.5}
    assert background[0, 0] == background[-1, -1] == 0


def blind_at(part: UInt8Array, blind: Prediction) -> Prediction:
    rows, columns = (-(-side // STRIDE) for side in part.shape[:2])
    return Prediction(blind.seg_map, np.full((rows, columns, CLASSES), 7, np.float32), STRIDE)


def test_near_objects_are_seen_together_and_at_most_some_parts() -> None:
    near = photo_with((200, 400, 240, 440), (200, 460, 240, 500))
    assert len(looked(near)[2].seen) == 1
    many = photo_with(*((row, column, row + 24, column + 24) for row in (30, 300, 550) for column in (30, 400, 750)))
    assert len(looked(many)[2].seen) == MOST_PARTS


def test_deadline_ends_a_second_look_before_its_next_part(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = RequestQueue(1, 1, NEVER)
    model, seen, now = loaded_model(queue), Model(), 0.0

    def predict(image: UInt8Array) -> Prediction:
        nonlocal now
        now += NEVER / 2 + 1  # the second image is seen after the deadline
        return seen(image)

    monkeypatch.setattr(engine, "has_logits", True, raising=False)
    monkeypatch.setattr(engine, "predict", predict)
    monkeypatch.setattr("core.runtime.queue.time", SimpleNamespace(monotonic=lambda: now))
    corners = photo_with(*((row, column, row + 80, column + 80) for row in (0, 400) for column in (0, 560)))
    photo = encode(Image.fromarray(corners[:480, :640]))
    with pytest.raises(DeadlineExceeded):
        model.segment(photo, None, Options(look="twice"))
    assert len(seen.seen) == 2
    assert queue.admitted == 0
