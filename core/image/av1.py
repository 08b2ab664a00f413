"""AV1: the colours that the header of a stream tells (AV1 Bitstream & Decoding Process Specification, 5.3 to 5.5)."""

import re

UNSPECIFIED = 2, 2
# A sequence header, alone or behind the delimiter of a unit of time, and as many bytes as it may have.
HEADER = re.compile(rb"(?:\x12\0)?\x0a.(.{1,160})", re.DOTALL)

# Its bits. Up to the sizes: the profile; a reduced header, or timing and operating points, of which levels above 7 have
# a tier, and which may have delays; then how many bits width and height have, less one.
TIMING = "(?:0|1.{64}(?:0|1(?:1|01.|001..|0001...))0)"
LEVEL, DELAY = ".{12}(?:00...|(?:01|1.)....)", "(?:0|1....)"
POINTS, DELAYED = (
    "|".join(f"{points - 1:05b}(?:{point}){{{points}}}" for points in range(1, 33)) for point in (LEVEL, LEVEL + DELAY)
)
SIZES = re.compile(f"(...).(?:(1).{{5}}|0{TIMING}(?:0(?:{POINTS})|1(?:{DELAYED})))(....)(....)")
# From the sizes on: numbers of frames, and tools, of which some are there if frames have an order.
SCREEN_TOOLS = "(?:(?:1|01)(?:1|0.)|00)"
TOOLS = f"(?:0|1.{{7}})...(?:....(?:0{SCREEN_TOOLS}|1..{SCREEN_TOOLS}...))..."
REDUCED_TOOLS = "......"
# The depth, and whether it is grey, by profile.
DEPTH = {"000": "..", "001": ".", "010": "(?:0.|1..)"}
COLOURS = "1(.{8})(.{8})"


def code_points(stream: memoryview) -> tuple[int, int]:
    """Return the codes of primaries and transfer function that the sequence header at the start of `stream` tells.

    They are those of ITU-T H.273, tables 2 and 3: UNSPECIFIED without any, and in a header with a model of the decoder.
    """
    header = HEADER.match(stream)
    bits = "".join(f"{byte:08b}" for byte in header[1]) if header else ""
    if not (sizes := SIZES.match(bits)) or sizes[1] not in DEPTH:
        return UNSPECIFIED
    behind = sizes.end() + int(sizes[3], 2) + int(sizes[4], 2) + 2
    tools = REDUCED_TOOLS if sizes[2] else TOOLS
    found = re.compile(tools + DEPTH[sizes[1]] + COLOURS).match(bits, behind)
    return (int(found[1], 2), int(found[2], 2)) if found else UNSPECIFIED
