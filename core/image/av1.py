"""AV1: the colours that the header of a stream tells (AV1 Bitstream & Decoding Process Specification, 5.3 to 5.5)."""

UNSPECIFIED = 2, 2
SEQUENCE_HEADER, HAS_EXTENSION = 1, 0b100
MAX_UNITS = 16  # of which one is a header; it is the first or the second
MAX_HEADER = 256  # bytes; with all that is optional, it has fewer
SELECTED = 2  # by each frame for itself


class _Bits:
    """The bits of `data`."""

    def __init__(self, data: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._position = 0

    def take(self, count: int = 1) -> int:
        """Return the number of the next `count` bits. Raises ValueError at the end."""
        self._position += count
        return int(self._bits[self._position - count : self._position] or "0" * (count == 0), 2)


def code_points(stream: memoryview) -> tuple[int, int]:
    """Return the codes of primaries and transfer function that the first sequence header in `stream` tells.

    They are those of ITU-T H.273, tables 2 and 3: UNSPECIFIED without any. A header that is cut tells none.
    """
    for _ in range(MAX_UNITS):
        head, start, size, shift = int.from_bytes(stream[:1]), 1, 0, 0
        start += head & HAS_EXTENSION > 0
        for byte in stream[start : start + 8]:  # seven bits each, the lowest ones first
            size |= (byte & 0x7F) << shift
            start, shift = start + 1, shift + 7
            if byte < 0x80:
                break
        if head >> 3 & 15 == SEQUENCE_HEADER:
            try:
                return _colours(_Bits(bytes(stream[start : start + min(size, MAX_HEADER)])))
            except ValueError:
                break
        stream = stream[start + size :]
    return UNSPECIFIED


def _colours(bits: _Bits) -> tuple[int, int]:
    """Return the code points in the sequence header `bits`. Raises ValueError if it is cut."""
    take = bits.take
    profile, _, is_reduced = take(3), take(), take()
    if is_reduced:
        take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = take(4) + 1, take(4) + 1
    take(width_bits + height_bits)
    if not is_reduced and take():
        take(7)  # lengths of frame ids
    take(3)
    if not is_reduced:
        _skip_tools(bits)
    take(3)
    is_deep = take()
    if profile == 2 and is_deep:
        take()
    if profile != 1:
        take()  # grey
    return (take(8), take(8)) if take() else UNSPECIFIED


def _skip_operating_points(bits: _Bits) -> None:
    """Skip the timing and the operating points of a sequence header."""
    take, delay_bits = bits.take, 0
    if take():  # timing
        take(64)
        if take():
            zeros = 0
            while not take():
                zeros += 1
            take(zeros)
        if take():  # a model of the decoder
            delay_bits = take(5) + 1
            take(42)
    has_display_delay = take()
    for _ in range(take(5) + 1):
        take(12)
        if take(5) > 7:
            take()
        if delay_bits and take():
            take(2 * delay_bits + 1)
        if has_display_delay and take():
            take(4)


def _skip_tools(bits: _Bits) -> None:
    """Skip the flags of coding tools in a sequence header."""
    take = bits.take
    take(4)
    has_order = take()
    if has_order:
        take(2)
    screen_tools = SELECTED if take() else take()
    if screen_tools and not take():
        take()
    if has_order:
        take(3)
