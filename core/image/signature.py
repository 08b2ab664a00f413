"""Tells the kinds of files by their first bytes, without decoding them."""

import re

HEAD = 16  # bytes that is_photo() needs

# The formats of photos whose first bytes no other file has by chance; two letters at the beginning, as a BMP or a PPM
# has, can be the first word of a text.
SERVED = re.compile(
    rb"(?s)\xff\xd8\xff|\x89PNG\r\n\x1a\n(?!.{4}CgBI)|GIF8[79]a|RIFF.{4}WEBP|II\+\0|.{4}ftypavi[fs]"
    rb"|(?:II\*\0|MM\0\*)(?!.{4}(?:CR|\xba\xb0\xac\xbb|IIII|MMMM))"
)
# The beginning of a PNM file: white space or comments before each number, of which the first two are width and height.
NUMBER = rb"(?:\s|#[^\r\n]*+)++\d++"
# The beginning of a BMP file, up to the kind of compression at byte 30.
BMP = rb"BM.{12}[\x28-\x7c]\0\0\0.{12}"
# Kinds of files that are not served: their name, and how they begin. Pillow could decode some of the last ones, but
# wrongly, or slowly, in Python.
UNSERVED = {
    name: re.compile(beginning, re.DOTALL)
    for name, beginning in {
        "HEIC images": rb".{4}ftyp(?!.{0,60}avi[fs])"
        rb"(?:he[iv].|mi[af]\w|msf\d|avc[is]|j2k[ij]|j2is|jpe?gs?|vvi[cs]|ev[bm][is]|unif)",
        "camera raw files": rb".{4}ftypcrx|(?:II\*\0|MM\0\*).{4}(?:CR|\xba\xb0\xac\xbb|IIII|MMMM)"
        rb"|II(?:R[OS]\x08|U\0|\x1a\0..HEAP)|MMOR\0|FUJIFILMCCD|FOVb|\0MRM|ARRI|CI\x2c\0|.{25}ARECOYK",
        "PNG images of iOS apps (CgBI)": rb"\x89PNG\r\n\x1a\n.{4}CgBI",
        "audio files": rb".{4}ftyp(?:M4[ABP]|F4[AB])|ID3|\xff[\xf1-\xf3\xf9-\xfd]|fLaC|RIFF.{4}WAVE|FORM.{4}AIF|MThd"
        rb"|#!AMR|MAC |caff\0|\.snd\0|wvpk|DSD |RF64|\.ra\xfd|OggS.{24}(?:\x01vorbis|OpusHead|\x7fFLAC|Speex)",
        "videos": rb".{4}(?:ftyp(?!.{0,60}avi[fs])|styp|moov|mdat|RED[12]|[\x11\x12]\xaf)|\0\0..(?:wide|free|skip|pnot)"
        rb"|RIFF.{4}AVI |\x1a\x45\xdf\xa3|\0\0\x01[\xb0\xb3\xb5\xba]|G.{187}G.{187}G|.{4}G.{191}G.{191}G|FLV\x01|OggS"
        rb"|\0\0\0\x01(?:[\x09\x27\x67]|[\x40\x42\x46]\x01)|\x12\0\x0a|BIKi|nut/|\.RMF|DKIF|YUV4MPEG|\x30\x26\xb2\x75|\xb7\xd8\0\x20|\x06\x0e\x2b\x34|\x1f\x07\0|[CFZ]WS[\x01-\x32]",
        "JPEG XL images": rb"\xff\x0a|\0\0\0\x0cJXL ",
        "JPEG 2000 images": rb"\xff\x4f\xff\x51|\0\0\0\x0cjP[ \x1a]{2}",
        "JPEG XR images": rb"II\xbc[\0\x01]",
        "JPEG XS images": rb"\xff\x10\xff\x50",
        "PSD images": rb"8BPS\0",
        "ICO images": rb"\0\0\x01\0[^\0]\0",
        "CUR images": rb"\0\0\x02\0[^\0]\0|RIFF.{4}ACON",
        "SVG images": rb"(?:\xef\xbb\xbf)?\s*+<(?=(?:.{0,9999}<)?(?:\w{1,20}:)?svg\b)|\xff\xfe<.{0,2000}<\0s\0v\0g",
        "PDF files": rb"(?:\xef\xbb\xbf)?\s*+%PDF",
        "EPS files": rb"%!PS|\xc5\xd0\xd3\xc6",
        "WMF and EMF images": rb"\xd7\xcd\xc6\x9a|\x01\0[\x09\0]\0\0\x03|\x01\0\0\0.{36} EMF",
        "drawings (XCF, CDR, DWG, INDD, PSP, ...)": rb"gimp xcf|RIFF.{4}(?i:CDR)|AC10\d\d"
        rb"|\x06\x06\xed\xf5|Paint Shop Pro Im|\0\xffKA|CSFCHUNK|AutoCAD B|\s*+0\r?\n\s*+SECTION",
        "3D models (BLEND, GLB, FBX, PLY, STL, ...)": rb"BLENDER|glTF\x02|Kaydara|ply\r?\n|solid \w",
        "office documents and archives (DOCX, ZIP, ...)": rb"PK[\x03\x05]|\xd0\xcf\x11\xe0|\{\\rtf|7z\xbc\xaf|Rar!"
        rb"|\x1f[\x8b\x9d]|BZh\d|\xfd7zXZ|\x28\xb5\x2f\xfd|\x04\x22\x4d\x18|MSCF"
        rb"|PAR1|ARROW1|SQLite f|ITSF|.{60}BOOKMOBI|.{257}ustar|.{32769}CD001",
        "DICOM images": rb".{128}DICM|[\x02\x08]\0[\0-\x20]\0(?:UL|UI|CS|DA|.{4}[\d.]{2})",
        "FITS images": rb"SIMPLE  =|XTENSION=",
        "HDF5 and NetCDF files": rb"(?:.{512})?\x89HDF\r\n|CDF[\x01\x02\x05]|\x0e\x03\x13\x01",
        "scientific images (NIfTI, NRRD, MRC, CZI, LIF, ...)": rb"\x5c\x01\0\0|\0\0\x01\x5c|\x1c\x02\0\0n[+i]|NRRD0"
        rb"|.{208}MAP |ZISRAWFILE|\x70\0\0\0.{4}\x2a|\xda\xce\xbe\x0a|NITF0|NSIF0|MATLAB 5|\x93NUMPY|GRIB|ObjectType ="
        rb"|# vtk|XISF0|LUCAM-R|ENVI\s|\0\0\0(?:\x03.{4}|\x04.{8})\0\0\0[\0\x01]{3}",
        "programs, fonts and files of a system (EXE, TTF, ._*, ...)": rb"MZ.\0|\x7fELF|\xca\xfe\xba\xbe"
        rb"|\xcf\xfa\xed\xfe|\0\x05\x16\x07|\0\0\0\x01Bud1|bplist00|L\0\0\0\x01\x14|OTTO|wOF[F2]|\0\x01\0\0\0[\x04-@]",
        "ICNS images": rb"icns\0",
        "DDS images": rb"DDS \x7c\0\0\0",
        "OpenEXR images": rb"v/1\x01",
        "Radiance HDR, DPX and Cineon images": rb"#\?RADIANCE|#\?RGBE|SDPX|XPDS|\x80\x2a\x5f\xd7",
        "QOI images": rb"qoif",
        "rare images (DjVu, FLIF, BPG, MNG, ILBM, MIFF, XPM, XBM, PCD, PICT, KTX, ...)": rb"AT&TFORM|FLIF|BPG\xfb|BLP"
        rb"|\x97JB2|[\x8a\x8b][MJ]NG|FORM.{4}(?:ILBM|PBM )|id=ImageM|/\* XPM|#define \w{1,99}_width|\x59\xa6\x6a\x95"
        rb"|.{2048}PCD_|PCD_OPA|(?:.{512})?.{10}\0\x11\x02\xff\x0c|PGF[4-6]|\x89LFP|\xabKTX|VTF\0"
        rb"|PVR\x03|\x13\xab\xa1\x5c|sB\x13\0|msid",
        "SGI images": rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]",
        "PCX images": rb"\x0a[\0\x02-\x05][\0\x01][\x01\x02\x04\x08]",
        # TGA has no magic number. These are the fields of its header with few values, without and with a palette.
        "TGA images": rb".\0[\x02\x03\x0a\x0b]\0{5}.{8}[\x01\x08\x0f\x10\x18\x20][\0-\x3f]"
        rb"|.\x01[\x01\x09].{4}[\x0f\x10\x18\x20].{8}[\x08\x10][\0-\x3f]",
        "PBM images": rb"P[14]" + NUMBER * 2,
        "text PGM images": rb"P2" + NUMBER * 2,
        "text PPM images": rb"P3" + NUMBER * 2,
        "PFM images": rb"P[Ff]" + NUMBER * 2,
        "PAM images": rb"P7\n",
        "private PNM images": rb"P(?:0CMYK|yP|yRGBA|yCMYK)\s",
        "PGM and PPM images with a maximum other than 255": rb"P[56]" + NUMBER * 3 + rb"(?<!\D255)",
        "big-endian BigTIFF images": rb"MM\0\+",
        "BMP images with run lengths": BMP + rb"[\x01\x02]\0\0\0",
        "BMP images with a JPEG or PNG inside": BMP + rb"[\x04\x05]\0\0\0",
        "BMP images of OS/2": rb"BM.{12}[\x10-\x27\x40]\0\0\0",
        "BMP images of 16 bits with alpha": rb"BM.{12}[\x38-\x7c]\0\0\0.{10}\x10\0\x03\0\0\0.{32}(?!\0{4})",
    }.items()
}
# A text: 32 characters of UTF-8 that are no header of a PGM or PPM, or 8 of UTF-16 as Windows writes it.
TEXT = re.compile(
    rb"(?!P[56]" + 2 * NUMBER + rb")(?:[\t\r\n -~]|[\xc2-\xf4][\x80-\xbf]{1,3}){32}|\xff\xfe(?:[\t\r\n -~]\0){8}"
)
# Kinds of photos that are not served. The commands report them instead of skipping them.
PHOTOS = [f"{name} images" for name in ("HEIC", "JPEG XL", "JPEG 2000", "PSD", "QOI", "big-endian BigTIFF")]
REPORTED = [UNSERVED[name] for name in (*PHOTOS, "camera raw files")]


def is_photo(head: bytes) -> bool:
    """Return whether a file that begins with `head`, HEAD bytes, is a photo, of a format that is served or not."""
    return any(kind.match(head) for kind in (SERVED, *REPORTED))
