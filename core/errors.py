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

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelNotReady(Unavailable):
    """The model is still loading, or being loaded anew."""


class InferenceFailed(Unavailable):
    """The session failed at an image that was good."""


class QueueFull(Unavailable):
    """As many requests as can be answered in time are being worked on or waiting."""


class MemoryFull(Unavailable):
    """The uploads and answers in memory leave no room for one more."""


class DeadlineExceeded(Unavailable):
    """The request waited longer than is allowed."""


class ClientGone(SegmenterError):
    """Nobody waits for the answer any more."""


class ModelError(SegmenterError):
    """The model can't be served: its file is missing, damaged or not the graph it should be."""
