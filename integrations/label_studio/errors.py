"""Errors of the backend. Each message names the thing, the value and the fix."""


class BackendError(Exception):
    """The base of the errors below."""


class SettingsError(BackendError):
    """A setting is missing or wrong."""


class LabelingError(BackendError):
    """The labeling configuration or the request of Label Studio cannot be used."""


class ImageError(BackendError):
    """The image of one task cannot be fetched."""
