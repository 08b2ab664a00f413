"""What can go wrong, as a small family: each knows what to tell the user, none knows HTTP."""


class SegmenterError(Exception):
    """Base of the family; `str(error)` is a message for the user that names the thing, the value and the fix."""


class InvalidRequest(SegmenterError):
    """A parameter or field of the request is missing or has a value that is not allowed."""


class InvalidImage(SegmenterError):
    """The bytes are not an image, or only a part or a corrupt form of one."""


class UnsupportedImage(SegmenterError):
    """An image, but of a format or pixel type that is not served."""


class ImageTooLarge(SegmenterError):
    """The image has more pixels than are allowed."""


class Unavailable(SegmenterError):
    """No answer now; the same request may succeed in `retry_after` seconds."""

    retry_after = 1


class ModelNotReady(Unavailable):
    """The model is still loading."""

    retry_after = 5


class QueueFull(Unavailable):
    """As many requests as are allowed are being worked on or waiting."""


class DeadlineExceeded(Unavailable):
    """The request waited longer than is allowed."""


class ModelError(SegmenterError):
    """The model can't be served: its file is missing, damaged or not the graph it should be."""
