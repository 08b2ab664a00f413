"""The properties of the picture that is decoded decide: of the primary item, of a sequence, and of an AV1 stream."""

import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from core.errors import UnsupportedImage
from core.image.av1 import code_points
from core.image.boxes import decoded_picture
from core.image.decode import read_image
from tests.support.avif import with_header_colours, with_nclx
from tests.support.images import encode

LIMIT = 1_000_000
SRGB, P3, PQ, HLG, BT2020 = 13, 12, 16, 18, 9
FIRST = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
STILL = encode(FIRST, "AVIF", quality=90)
SEQUENCE = encode(FIRST, "AVIF", quality=90, save_all=True, append_images=[FIRST.rotate(90)])
RED = encode(Image.new("RGB", (64, 48), (200, 30, 30)), "AVIF", quality=90)


def box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", len(content) + 8, name) + content


@pytest.mark.parametrize(("transfer", "name"), [(PQ, "PQ"), (HLG, "HLG")])
@pytest.mark.parametrize("data", [STILL, SEQUENCE], ids=["still", "sequence"])
def test_hdr_colours_in_the_av1_header_alone_are_named(data: bytes, transfer: int, name: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"AVIF with HDR colours \\({name}\\) is not served"):
        read_image(with_header_colours(data, BT2020, transfer), LIMIT)


@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"speed": 10}, {"quality": 100}])
def test_sdr_colours_in_the_av1_header_are_those_of_a_property(options: dict[str, object]) -> None:
    srgb = encode(FIRST, "AVIF", **options)
    told = read_image(with_header_colours(srgb, 1, SRGB), LIMIT).image
    assert told.tobytes() == read_image(srgb, LIMIT).image.tobytes()


def test_wide_colours_in_the_av1_header_are_converted() -> None:
    by_property = read_image(with_nclx(RED, b"ipco", P3, SRGB), LIMIT).image
    by_header = read_image(with_header_colours(RED, P3, SRGB), LIMIT).image
    assert by_header.tobytes() == by_property.tobytes()
    assert np.abs(np.asarray(by_header).astype(int) - np.asarray(read_image(RED, LIMIT).image)).max() > 10


def test_property_of_the_track_decides_in_a_sequence() -> None:
    with pytest.raises(UnsupportedImage, match="HDR colours"):
        read_image(with_nclx(SEQUENCE, b"moov", BT2020, PQ), LIMIT)
    assert read_image(with_nclx(SEQUENCE, b"ipco", BT2020, PQ), LIMIT).size == (64, 48)


LEVEL, TIER = "0" * 12 + "00101", "0" * 12 + "010011"
TIMING = "1" + "01" * 32


@pytest.mark.parametrize(
    "operation",
    [
        "1" + "00101",
        "0" + "0" + "0" + "00000" + LEVEL,
        "0" + "0" + "0" + "00000" + TIER,
        "0" + "0" + "1" + "00000" + LEVEL + "10110",
        "0" + "0" + "1" + "00001" + TIER + "0" + LEVEL + "11111",
        "0" + "0" + "0" + "00010" + LEVEL + TIER + LEVEL,
        "0" + TIMING + "0" + "0" + "0" + "00000" + LEVEL,
        "0" + TIMING + "1" + "011" + "0" + "0" + "00000" + LEVEL,
    ],
)
@pytest.mark.parametrize(("profile", "depth"), [("000", "10"), ("001", "1"), ("010", "00"), ("010", "110")])
@pytest.mark.parametrize("tools", ["0000" + "0" + "11", "0000" + "111" + "1" + "0" + "1" + "101", "0000" + "0" + "00"])
def test_colours_of_an_av1_header_of_any_form_are_read(operation: str, profile: str, depth: str, tools: str) -> None:
    is_reduced = operation.startswith("1")
    sizes = "0101" + "0100" + "110101" + "10110"
    behind = "000" if is_reduced else "1" + "0110101" + "000" + tools
    bits = profile + "0" + operation + sizes + behind + "011" + depth + f"1{BT2020:08b}{PQ:08b}{9:08b}"
    header = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    for stream in (b"\x12\0\x0a" + bytes([len(header)]) + header, b"\x0a" + bytes([len(header)]) + header):
        assert code_points(memoryview(stream)) == (BT2020, PQ)
        assert code_points(memoryview(stream[:-5])) == (2, 2)


def test_first_tile_of_a_grid_has_the_av1_header() -> None:
    references = box(b"iref", bytes(4), box(b"dimg", struct.pack(">HHH", 7, 1, 9)))
    primary = box(b"pitm", bytes(4), struct.pack(">H", 7))
    location = box(b"iloc", bytes(4), b"\x44\0", struct.pack(">HHHHII", 1, 9, 0, 1, 4, 8))
    meta = box(b"meta", bytes(4), primary, references, location)
    file = box(b"ftyp", b"avif", bytes(4)) + meta
    assert bytes(decoded_picture(file).stream) == file[4:]


def test_properties_of_an_item_behind_millions_of_others_take_little_memory() -> None:
    others = struct.pack(">HB", 1, 0) * 2_000_000
    properties = box(b"iprp", box(b"ipco"), box(b"ipma", bytes(4), struct.pack(">I", 2_000_000), others))
    boxes = box(b"free") * 1_000_000
    meta = box(b"meta", bytes(4), box(b"pitm", bytes(4), struct.pack(">H", 7)), properties, boxes)
    file = box(b"ftyp", b"avif", bytes(4)) + boxes + meta
    for data in (file, file.replace(b"ftypavif", b"ftypavis"), box(b"ftyp", b"avif", bytes(4)) + meta):
        tracemalloc.start()
        assert decoded_picture(data).properties == []
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 5_000_000


@pytest.mark.parametrize("cut", range(0, len(STILL), 7))
def test_boxes_of_a_cut_file_are_read(cut: int) -> None:
    assert len(decoded_picture(STILL[:cut]).properties) <= 4
