"""The pictures of benchmarks.http.costs, the promise that it checks, and a short run."""

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.http.costs import OUTPUTS, Cost, Meter, measured
from benchmarks.http.patterns import PANORAMA_WIDTH, WORST, pictures, png
from tests.support.service import running_service

MEGAPIXELS = 0.2


def test_pictures_have_distinct_names_and_the_number_of_pixels() -> None:
    made = {name: make() for name, make in pictures(MEGAPIXELS)}
    assert len(made) == len(list(pictures(MEGAPIXELS)))
    assert set(WORST) <= set(made)
    for name, picture in made.items():
        height, width, channels = picture.shape
        assert picture.dtype == np.uint8
        assert channels == 3
        assert 0.95 <= width * height / (MEGAPIXELS * 1e6) <= 1, name
    assert [made[name].shape[:2] for name in ("one row", "one column")] == [(1, 200_000), (200_000, 1)]
    assert made["a panorama"].shape[1] == PANORAMA_WIDTH


def test_patterns_leave_the_mean_of_a_photo_unchanged() -> None:
    made = {name: make() for name, make in pictures(MEGAPIXELS)}
    photo, patterned = (made[name].astype(float) for name in ("chelsea", "chelsea, checks of 4"))
    assert np.abs(patterned - photo).mean() > 30
    assert np.abs(patterned.mean(axis=(0, 1)) - photo.mean(axis=(0, 1))).max() < 5


def test_png_of_a_picture_has_its_pixels() -> None:
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)


@pytest.mark.parametrize(
    ("cost", "is_kept"),
    [
        (Cost(200, 4.0, 0.0, 0), True),
        (Cost(200, 4.1, 0.0, 0), False),
        (Cost(200, 9.0, 5.0, 0), True),
        (Cost(400, 1.0, 0.0, 0), True),
        (Cost(400, 5.0, 0.0, 0), False),
        (Cost(500, 1.0, 0.0, 0), False),
        (Cost(503, 1.0, 0.0, 0), False),
    ],
)
def test_promise_is_kept_up_to_four_times_the_mask_and_the_encoder(cost: Cost, is_kept: bool) -> None:
    assert cost.is_kept(baseline=1.0) is is_kept


@pytest.mark.slow
def test_costs_of_a_small_picture_are_measured() -> None:
    picture = dict(pictures(MEGAPIXELS))["chelsea"]()
    with running_service() as service:
        costs = {output: cost for output, cost, _ in measured(Meter(service), picture, OUTPUTS)}
    assert set(costs) == set(OUTPUTS)
    assert {cost.status for cost in costs.values()} == {200}
    assert all(cost.cpu > 0 for cost in costs.values())
