"""Where a run of `batch` is placed: in this process or on Ray."""

import pytest

from commands.batch.run import RAY_PHOTOS, Placement


@pytest.mark.parametrize(
    ("placement", "photos", "cores", "uses_ray"),
    [
        (Placement("", None, None), RAY_PHOTOS - 1, 64, False),
        (Placement("", None, None), RAY_PHOTOS, 64, True),
        (Placement("", None, None), 10**6, 2, False),
        (Placement("local", None, None), 1, 2, True),
        (Placement("", 2, None), 1, 2, True),
    ],
)
def test_placement_uses_ray_for_many_photos_on_many_cores_or_if_asked(
    placement: Placement, photos: int, cores: int, uses_ray: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.batch.run.usable_cores", lambda: cores)
    assert placement.uses_ray(photos) == uses_ray
