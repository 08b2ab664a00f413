"""PPM, and files of kinds that are not served."""

from typing import Any

import numpy as np
from PIL import Image

from tests.support.images import encode
from tests.support.pictures.base import ALPHA, COLOUR, GREY, HEIGHT, PHOTO, WIDTH, Cells, on_white, shown, with_alpha
from tests.support.pictures.bmp import FEW, FEW_TRUTH, ONE_BIT

OTHER_MAXIMUM = "PGM and PPM images with a maximum other than 255"
SIZE = b"%d %d" % (WIDTH, HEIGHT)
ONE_BIT_TRUTH = np.asarray(ONE_BIT.convert("RGB"))
# By Pillow's modes.
PICTURES = {
    "1": (ONE_BIT, ONE_BIT_TRUTH),
    "L": (Image.fromarray(GREY[..., 0]), shown(GREY, 8)),
    "LA": (Image.fromarray(with_alpha(GREY), "LA"), on_white(GREY, ALPHA)),
    "P": (FEW, FEW_TRUTH),
    "RGB": (PHOTO, COLOUR),
    "RGBA": (Image.fromarray(with_alpha(COLOUR)), on_white(COLOUR, ALPHA)),
}
# The formats that are not served and that Pillow writes: its name, its modes and options.
WRITTEN: dict[str, tuple[str, tuple[str, ...], tuple[dict[str, Any], ...]]] = {
    "PBM images": ("PPM", ("1",), ({},)),
    "SGI images": ("SGI", ("L", "RGB", "RGBA"), ({}, {"bpc": 2})),
    "PCX images": ("PCX", ("1", "L", "P", "RGB"), ({},)),
    "TGA images": ("TGA", ("1", "L", "LA", "P", "RGB", "RGBA"), ({}, {"orientation": 1}, {"orientation": -1})),
    "TGA images, packed": ("TGA", ("L", "P", "RGB", "RGBA"), ({"compression": "tga_rle"},)),
    "QOI images": ("QOI", ("RGB", "RGBA"), ({},)),
    "DDS images": ("DDS", ("RGB",), ({},)),
    "ICO images": ("ICO", ("RGB",), ({},)),
    "ICNS images": ("ICNS", ("RGB",), ({},)),
    "JPEG 2000 images": ("JPEG2000", ("RGB",), ({},)),
    "EPS files": ("EPS", ("RGB",), ({},)),
    "PDF files": ("PDF", ("RGB",), ({},)),
}
# How files of other kinds begin, by the name that the service has for the kind.
BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    "HEIC images": (
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x1cftypmsf1\0\0\0\0mif1heicmiaf",
        b"\0\0\0\x18ftypavci\0\0\0\0mif1avci",
    ),
    "camera raw files": (
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"II*\0\x10\0\0\0CR\2\0",
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"FOVb\0\0\2\0",
        b"\0MRM\0\0\1\0",
        b"II\x1a\0\0\0HEAPCCDR",
    ),
    "audio files": (b"ID3\3\0", b"fLaC", b"RIFF\0\0\0\0WAVE"),
    "videos": (
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
        b"\0\0\x10\0mdat",
        b"\x1a\x45\xdf\xa3\1\0\0\0",
        b"RIFF\0\1\0\0AVI LIST",
        b"\0\0\1\xba\x44\0",
        (b"G" + bytes(187)) * 4,
        (bytes(4) + b"G" + bytes(187)) * 4,
        b"\0\x20\1\0\x12\xaf\3\0",
    ),
    "JPEG XL images": (b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a\xfa\x1f"),
    "JPEG XR images": (b"II\xbc\1\x20\0\0\0",),
    "JPEG XS images": (b"\xff\x10\xff\x50\0\2",),
    "PSD images": (b"8BPS\0\1",),
    "CUR images": (b"\0\0\2\0\1\0",),
    "SVG images": (
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xef\xbb\xbf<?xml version='1.0'?><svg/>",
        b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b'>]><!-- a --><svg/>",
    ),
    "EPS files": (b"\xc5\xd0\xd3\xc6\x20\0\0\0",),
    "WMF and EMF images": (b"\xd7\xcd\xc6\x9a\0\0",),
    "drawings (XCF, CDR, DWG, INDD, PSP, ...)": (b"gimp xcf file\0", b"AC1018"),
    "3D models (BLEND, GLB, FBX, PLY, STL, ...)": (b"glTF\2\0\0\0", b"ply\nformat ascii 1.0\n", b"BLENDER-v300"),
    "office documents and archives (DOCX, ZIP, ...)": (
        b"PK\3\4\x14\0",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\x1f\x8b",
    ),
    "DICOM images": (bytes(128) + b"DICM\2\0\0\0UL", b"II*\0\x08\0\0\0" + bytes(120) + b"DICM\2\0\0\0UL"),
    "FITS images": (b"SIMPLE  =                    T",),
    "HDF5 and NetCDF files": (b"\x89HDF\r\n\x1a\n", b"CDF\1\0\0\0\0"),
    "scientific images (NIfTI, NRRD, MRC, CZI, LIF, ...)": (b"\x5c\1\0\0" + bytes(340) + b"n+1\0", b"NRRD0004\n"),
    "programs, fonts and files of a system (EXE, TTF, ._*, ...)": (b"MZ\x90\0", b"\x7fELF\2\1", b"\0\5\x16\7\0\2\0\0"),
    "OpenEXR images": (b"v/1\1\2\0\0\0",),
    "Radiance HDR, DPX and Cineon images": (b"#?RADIANCE\n", b"SDPX"),
    "rare images (DjVu, FLIF, BPG, MNG, ILBM, MIFF, XPM, XBM, PCD, PICT, KTX, ...)": (
        b"AT&TFORM\0\0\0\0DJVU",
        b"BPG\xfb",
    ),
    "private PNM images": (b"PyRGBA\n1 1\n255\n\0\0\0\0",),
    "PNG images of iOS apps (CgBI)": (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI\x50\0\x20\2" + bytes(40),),
    "big-endian BigTIFF images": (b"MM\0+\0\x08\0\0" + bytes(8),),
}


TEXTS = {
    "HTML": b"<!DOCTYPE html><html><body>no photo here</body></html>",
    "JSON": b'{"error": "there is no photo of this name"}',
    "UTF-16": "\ufeffan e-mail in place of a photo".encode("utf-16-le"),
}


def other_cells() -> Cells:
    for kind, (format_, modes, all_options) in WRITTEN.items():
        for mode in modes:
            for options in all_options:
                picture, truth = PICTURES[mode]
                yield f"{kind}: {mode} {options}", encode(picture, format_, **options), truth
    yield from pnm_cells()
    for name, data in TEXTS.items():
        yield f"text: {name}", data, COLOUR
    for kind, beginnings in BEGINNINGS.items():
        for number, data in enumerate(beginnings, 1):
            yield f"{kind}: beginning {number}", data, COLOUR


def pnm_cells() -> Cells:
    for maximum in (1, 100, 255, 1023, 65535):
        kind = np.dtype(">u2" if maximum > 255 else np.uint8)
        for name, binary, text, pixels in (("PGM", b"P5", b"P2", GREY), ("PPM", b"P6", b"P3", COLOUR)):
            values = (pixels.astype(int) * maximum // 255).astype(kind)
            truth = np.repeat((values.astype(int) * 255 // maximum), 3 // values.shape[2], axis=2).astype(np.uint8)
            title = name if maximum == 255 else f"{OTHER_MAXIMUM}: {name}"
            for space in (b" ", b"\n# a comment\n\t"):
                header = space.join((SIZE, b"%d\n" % maximum))
                yield f"{title} {maximum} {space!r}", binary + space + header + values.tobytes(), truth
                numbers = b" ".join(b"%d" % value for value in values.ravel())
                yield f"text {name} images: {maximum} {space!r}", text + space + header + numbers, truth
    bits = b" ".join(b"%d" % (not bit) for bit in np.asarray(ONE_BIT).ravel())
    yield "PBM images: as text", b"P1\n" + SIZE + b"\n" + bits, ONE_BIT_TRUTH
    header = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" % (WIDTH, HEIGHT)
    yield "PAM images: of RGB", header + COLOUR.tobytes(), COLOUR
    for magic, pixels in ((b"Pf", GREY), (b"PF", COLOUR)):
        floats = (pixels[::-1] / 255).astype("<f4").tobytes()
        yield f"PFM images: {magic.decode()}", magic + b"\n" + SIZE + b"\n-1.0\n" + floats, COLOUR
