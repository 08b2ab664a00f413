"""Files of kinds that people upload, and that are not served, are named."""

import base64
import gzip
import json
import struct

import pytest

from core.errors import UnsupportedImage
from core.image.decode import read_image
from tests.support.images import tiff

LIMIT = 1_000_000
ZEROS = bytes(600)


def brand(name: bytes) -> bytes:
    """Return the beginning of a file of ISO BMFF with this major brand."""
    return struct.pack(">I4s4sI4s", 20, b"ftyp", name, 0, b"mif1") + ZEROS


KINDS = {
    "HEIC images": {
        name.decode(): brand(name)
        for name in (
            *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"),
            *(b"miaf", b"avci", b"avcs", b"j2ki", b"j2is", b"jpeg", b"jpgs", b"vvic", b"vvis", b"evbi", b"unif"),
        )
    },
    "camera raw files": {
        "CR2": b"II*\0\x10\0\0\0CR\2\0",
        "CR2 with a picture": b"II*\0\x10\0\0\0CR\2\0\0\0\0\0" + tiff()[8:],
        "CR3": brand(b"crx "),
        "CRW": b"II\x1a\0\0\0HEAPCCDR",
        "DNG": tiff(t50706=(1, 4, b"\1\4\0\0")),
        "NEF, ARW, SRW, 3FR": tiff(t254=(4, 1, 1), t330=(4, 1, 100_000)),
        "PEF": tiff(t262=(3, 1, 32803), t259=(3, 1, 65535)),
        "linear": tiff(t262=(3, 1, 34892)),
        "RAF": b"FUJIFILMCCD-RAW 0201",
        "ORF": b"IIRO\x08\0\0\0",
        "ORF of another year": b"IIRS\x08\0\0\0",
        "big-endian ORF": b"MMOR\0\0\0\x08",
        "RW2": b"IIU\0\x18\0\0\0",
        "X3F": b"FOVb\0\0\2\0",
        "MRW": b"\0MRM\0\0\1\0",
        "IIQ": b"II*\0\x08\0\0\0IIII" + ZEROS,
        "ARI": b"ARRI" + ZEROS,
        "CINE": b"CI\x2c\0\0\0\1\0",
    },
    "PNG images of iOS apps .CgBI.": {"CgBI": b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI\x50\0\x20\2" + ZEROS},
    "JPEG 2000 images": {"before 2000": b"\0\0\0\x0cjP\x1a\x1a\r\n\x87\n"},
    "JPEG XS images": {"codestream": b"\xff\x10\xff\x50"},
    "audio files": {
        "MP2": b"\xff\xfd\x90\0",
        "RF64": b"RF64\xff\xff\xff\xffWAVE",
        "CAF": b"caff\0\1",
        "AU": b".snd\0\0\0\x18",
        "WavPack": b"wvpk",
        "DSF": b"DSD \x1c",
    },
    "videos": {
        "3GP": brand(b"3gp5"),
        "H.264": b"\0\0\0\1\x67\x64",
        "H.265": b"\0\0\0\1\x40\1",
        "AV1": b"\x12\0\x0a\x0b",
        "Bink": b"BIKi" + ZEROS,
        "NUT": b"nut/multimedia container\0",
    },
    "drawings .XCF, .*": {
        "CDR": b"RIFF\0\0\0\0cdrB",
        "DXF": b"  0\r\nSECTION\r\n  2\r\nHEADER\r\n",
        "binary DXF": b"AutoCAD Binary DXF\r\n\x1a\0",
    },
    "3D models .*": {
        "GLB": b"glTF\2\0\0\0",
        "FBX": b"Kaydara FBX Binary  \0",
        "PLY": b"ply\nformat ascii 1.0\n",
        "STL": b"solid cube\n facet normal 0 0 0\n",
    },
    "SVG images": {"UTF-16": b"\xff\xfe" + "<?xml version='1.0'?><svg/>".encode("utf-16-le")},
    "office documents and archives .*": {
        "SVGZ, NIfTI": gzip.compress(b"<svg/>"),
        "KRA, PPTX": b"PK\3\4" + ZEROS,
        "7z": b"7z\xbc\xaf\x27\x1c",
        "RAR": b"Rar!\x1a\7",
        "Parquet": b"PAR1\x15\4",
        "SQLite": b"SQLite format 3\0",
        "MOBI": b"A Book".ljust(60, b"\0") + b"BOOKMOBI",
    },
    "scientific images .*": {
        "VTK": b"# vtk DataFile Version 3.0\n",
        "XISF": b"XISF0100",
        "telescope": b"LUCAM-RECORDER",
        "ENVI": b"ENVI\ndescription = {",
        "DM3": b"\0\0\0\3\0\0\x10\0\0\0\0\1\1\0",
        "DM4": b"\0\0\0\4\0\0\0\0\0\0\x10\0\0\0\0\1\1\0",
    },
    "rare images .*": {"PVR": b"PVR\3", "ASTC": b"\x13\xab\xa1\x5c", "Basis": b"sB\x13\0", "KTX 2": b"\xabKTX 20\xbb"},
    "CUR images": {"animated": b"RIFF\0\0\0\0ACONLIST"},
    "programs, fonts .*": {
        "EXE": b"MZ\x90\0",
        "ELF": b"\x7fELF\2",
        "AppleDouble": b"\0\5\x16\7\0\2\0\0Mac OS X        ",
        "TTF": b"\0\1\0\0\0\x0f\0\x80",
        "WOFF": b"wOF2\0\1\0\0",
        "property list": b"bplist00",
    },
    "texts .*": {
        "HTML": b"<!DOCTYPE html>\n<html><head><title>Not found</title></head></html>",
        "XML": b"<?xml version='1.0' encoding='UTF-8'?><note><to>x</to></note>",
        "JSON": json.dumps({"image": "x" * 100}).encode(),
        "text": "A letter to Müller in Köln, which is no picture at all.".encode(),
        "UTF-16": b"\xff\xfe" + "a longer text".encode("utf-16-le"),
        "base64": base64.b64encode(b"\xff\xd8\xff\xe0" + ZEROS),
    },
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param(name, data, id=f"{name} {member}")
        for name, members in KINDS.items()
        for member, data in members.items()
    ],
)
def test_file_of_a_kind_that_is_not_served_is_named(name: str, data: bytes) -> None:
    with pytest.raises(UnsupportedImage, match=f"^{name} are not served; send"):
        read_image(data, LIMIT)


def test_jpeg_ls_is_named_by_its_coding() -> None:
    with pytest.raises(UnsupportedImage, match="lossless"):
        read_image(b"\xff\xd8\xff\xf7\0\x0b\x08\0\x10\0\x10\1\1\x11\0" + ZEROS, LIMIT)
