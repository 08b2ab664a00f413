"""The rules for one job of a decoder process: which messages may follow it, and how much CPU time it may take."""

from core.decoders.messages import Answer, Failure, Limits, Notice, PixelSize, WrongMessage, read_message
from core.image.resize import fitted

# CPU time in seconds for an image, in addition to that for each megapixel: a small multiple of what the slowest format
# takes on a slow machine.
CPU_SECONDS, CPU_SECONDS_PER_MEGAPIXEL = 3, 0.4


class Exchange:
    """The messages about the job with the id `job`, for a photo and a model within `limits`.

    `cpu_seconds` is the CPU time that the job may take.
    """

    def __init__(self, job: str, limits: Limits) -> None:
        self.cpu_seconds = float(CPU_SECONDS)
        self._job = job
        self._limits = limits
        self._header: PixelSize | None = None

    def accept(self, data: bytes) -> Answer | Failure | None:
        """Return the answer in the message `data`; None for a notice, which raises `cpu_seconds`.

        Raises WrongMessage for one against the rules.
        """
        message = read_message(data)
        if message.job != self._job:
            raise WrongMessage("a message belongs to another job")
        if isinstance(message, Notice):
            self._extend(message.size)
            return None
        if isinstance(message, Answer):
            self._check(message)
        return message

    def _extend(self, header: PixelSize) -> None:
        """Allow the CPU time for a photo of the size `header`. Raises WrongMessage."""
        pixels = header[0] * header[1]
        if self._header or pixels > self._limits.max_pixels:
            raise WrongMessage("a second notice" if self._header else "a notice of more pixels than are allowed")
        self._header = header
        self.cpu_seconds += CPU_SECONDS_PER_MEGAPIXEL * pixels / 1e6

    def _check(self, answer: Answer) -> None:
        """Raise WrongMessage unless the photo of `answer` has the size in its notice, and its image fits it.

        Both then are in the shared memory, which has room for `max_pixels` and for a square of `image_size`.
        """
        if not self._header or answer.photo not in (self._header, self._header[::-1]):  # a photo may have been turned
            raise WrongMessage("the photo has another size than its header")
        if answer.image != fitted(answer.photo, self._limits.image_size):
            raise WrongMessage("the image has another size than the model's")
