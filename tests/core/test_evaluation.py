"""Mean IoU, calculated by hand, and the layout of PASCAL VOC."""

from pathlib import Path

import numpy as np
import pytest

from core.evaluation import VOID, Accuracy, read_voc


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a list of two ids."""
    (tmp_path / "val.txt").write_text("astronaut\nchelsea\n")
    return tmp_path


def test_accuracy_scores_all_pixels_but_void() -> None:
    accuracy = Accuracy(4)
    truth = np.array([[0, 0, 1, 1], [0, 2, 1, VOID]], np.uint8)
    seg_map = np.array([[0, 1, 1, 1], [0, 2, 0, 3]], np.uint8)
    accuracy.add(truth, seg_map)
    # Class 0: 2 of 4 pixels; class 1: 2 of 4; class 2: 1 of 1; class 3 is only predicted for a VOID pixel.
    np.testing.assert_allclose(accuracy.iou, [0.5, 0.5, 1, np.nan])
    assert accuracy.mean_iou == pytest.approx(2 / 3)
    assert accuracy.pixel_accuracy == pytest.approx(5 / 7)


def test_accuracy_of_two_photos_is_that_of_all_their_pixels() -> None:
    accuracy = Accuracy(2)
    accuracy.add(np.array([[0, 0, 0, 1]], np.uint8), np.array([[0, 0, 0, 0]], np.uint8))
    accuracy.add(np.array([[1, 1]], np.uint8), np.array([[1, 1]], np.uint8))
    np.testing.assert_allclose(accuracy.iou, [3 / 4, 2 / 3])
    assert accuracy.pixel_accuracy == pytest.approx(5 / 6)


def test_accuracy_of_smaller_label_map_repeats_its_labels() -> None:
    accuracy = Accuracy(2)
    accuracy.add(np.repeat([[0, 1]], 4, axis=1).astype(np.uint8), np.array([[0, 1]], np.uint8))
    assert accuracy.mean_iou == 1


def test_read_voc_returns_photos_and_masks_of_the_list(folder: Path) -> None:
    assert read_voc(folder) == [
        (folder / "JPEGImages" / "astronaut.jpg", folder / "SegmentationClass" / "astronaut.png"),
        (folder / "JPEGImages" / "chelsea.jpg", folder / "SegmentationClass" / "chelsea.png"),
    ]


def test_read_voc_with_every_2_returns_every_second_photo(folder: Path) -> None:
    assert [photo.stem for photo, _ in read_voc(folder, every=2)] == ["astronaut"]


def test_read_voc_reads_list_of_original_archive(folder: Path) -> None:
    (folder / "ImageSets" / "Segmentation").mkdir(parents=True)
    (folder / "val.txt").rename(folder / "ImageSets" / "Segmentation" / "val.txt")
    assert [photo.stem for photo, _ in read_voc(folder)] == ["astronaut", "chelsea"]


def test_read_voc_without_list_raises_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"neither val\.txt nor"):
        read_voc(tmp_path)
