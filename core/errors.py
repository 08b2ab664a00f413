"""The exceptions of the package; none of them knows HTTP.

SegmenterError
  InvalidRequest        a parameter or field has a value that is not allowed
  InvalidImage          not an image, or a damaged one
  UnsupportedImage      an image of a format or pixel type that is not served
  ImageTooLarge         more pixels than allowed
  Unavailable           no result now; the same request may succeed later
    ModelNotReady         the model is loading or being restarted
    InferenceFailed       the session failed at a valid image
    QueueFull             too many requests are running or waiting
    MemoryFull            too many bytes are held in memory
    DecoderLost           the process that decoded the image ended, and the image need not be at fault
    DeadlineExceeded      the deadline of the request passed
  ClientGone            the client closed its connection
  ModelError            the model can't be served
    UnknownStructure      the optimizer does not know the structure of the graph (core.graph.optimize)
    NotQuantizable        the integer kernels do not compute the structure of the network (core.graph.quantize.layers)
    DownloadInterrupted   the archive of a graph was not downloaded whole (core.weights.download)
"""


class SegmenterError(Exception):
    """Base class; `str(error)` is a message for the user that names the thing, the value and the fix."""


class InvalidRequest(SegmenterError):
    """A parameter or field of the request is missing or has a value that is not allowed."""


class InvalidImage(SegmenterError):
    """The bytes are not an image, or are a truncated or damaged one."""


class UnsupportedImage(SegmenterError):
    """The image has a format or pixel type that is not served."""


class ImageTooLarge(SegmenterError):
    """The image has more pixels than are allowed."""


class Unavailable(SegmenterError):
    """There is no result now; the same request may succeed in `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelNotReady(Unavailable):
    """The model is still loading, or its session is being restarted."""


class InferenceFailed(Unavailable):
    """The session failed at a valid image."""


class QueueFull(Unavailable):
    """As many requests as can be answered in time are running or waiting."""


class MemoryFull(Unavailable):
    """The uploads and responses in memory leave no room for another one."""


class DecoderLost(Unavailable):
    """The process that decoded the image ended or had to be ended, and the image need not be at fault."""


class DeadlineExceeded(Unavailable):
    """The request was not done before its deadline."""


class ClientGone(SegmenterError):
    """The client closed its connection before its request was done."""


class ModelError(SegmenterError):
    """The model can't be served: its file is missing, damaged or not the expected graph."""
