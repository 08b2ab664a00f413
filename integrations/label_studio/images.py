"""The images of tasks. A task's address is untrusted: it decides about no host, no size and no credentials.

The token is for the addresses below LABEL_STUDIO_URL alone: the same host can serve other programs.
"""

import base64
from http import HTTPStatus
from urllib.parse import urljoin

import urllib3

from integrations.label_studio.errors import ImageError
from integrations.label_studio.settings import Settings, is_clear, origin, path_of

TIMEOUT = urllib3.Timeout(connect=5, read=30)
CLOUD_SCHEMES = ("s3://", "gs://", "azure-blob://")
# The addresses of Label Studio below which it serves files: uploads, local storage, and files that it proxies.
FILE_PATHS = ("/data/", "/storage-data/", "/tasks/")
MAX_REDIRECTS = 3


class Images:
    """Fetches from Label Studio, and from the origins that a setting allows."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._origin = origin(settings.label_studio_url)
        self._root = path_of(settings.label_studio_url)
        self._pool = urllib3.PoolManager(retries=urllib3.Retry(2), timeout=TIMEOUT)

    def fetch(self, address: str, task_id: object) -> bytes:
        """Return the file at `address`, as it stands in the data of a task. Raises ImageError."""
        url = self._url(address, task_id)
        for _ in range(1 + MAX_REDIRECTS):
            content, location = self._get(url)
            if not location:
                return content
            url = urljoin(url, location)
        raise ImageError(f"{address}: more than {MAX_REDIRECTS} redirects; put the final address into the task")

    def _url(self, address: str, task_id: object) -> str:
        """Return the URL of `address`, which can be a path of Label Studio or a file in its cloud storage."""
        base = self._settings.label_studio_url
        if address.startswith(CLOUD_SCHEMES):
            file = base64.urlsafe_b64encode(address.encode()).decode()
            return f"{base}/tasks/{task_id}/presign/?fileuri={file}"
        if address.startswith(("upload/", "/upload/")):
            return f"{base}/data/{address.lstrip('/')}"
        return f"{base}{address}" if address.startswith("/") else address

    def _get(self, url: str) -> tuple[bytes, str]:
        """Return the content at `url` and "", or b"" and the address of a redirect. Raises ImageError."""
        self._check(url)
        largest = self._settings.max_image_mb * 1_000_000
        try:
            headers = {"Authorization": self._authorization()} if self._is_own(url) else {}
            response = self._pool.request("GET", url, headers=headers, preload_content=False, redirect=False)
            # Without decoding: a compressed response could be larger than what was received.
            content = response.read(largest + 1, decode_content=False)
            response.close()
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", error)
            raise ImageError(f"{url}: no answer: {reason}; the backend must reach this address") from error
        if location := response.get_redirect_location():
            return b"", location
        if response.status != HTTPStatus.OK:
            raise ImageError(f"{url}: status {response.status}; check the address and LABEL_STUDIO_API_KEY")
        if len(content) > largest:
            raise ImageError(
                f"{url}: more than MAX_IMAGE_MB={self._settings.max_image_mb}; raise it, or shrink the image"
            )
        return content, ""

    def _check(self, url: str) -> None:
        """Raise ImageError unless the backend may fetch `url`."""
        if self._is_own(url):
            path = path_of(url).removeprefix(self._root)
            if not path.startswith(FILE_PATHS) or not is_clear(path):
                raise ImageError(f"{url}: no file of Label Studio; its files are below {', '.join(FILE_PATHS)}")
        elif origin(url) not in self._settings.image_origins:
            raise ImageError(
                f"{url}: not below LABEL_STUDIO_URL, and its scheme, host and port are not allowed; add them to "
                "IMAGE_ORIGINS to fetch it"
            )

    def _is_own(self, url: str) -> bool:
        """Return whether `url` is an address below LABEL_STUDIO_URL, part by part of its path."""
        return origin(url) == self._origin and path_of(url).startswith(f"{self._root}/")

    def _authorization(self) -> str:
        """Return the header for the access token, which for a personal one is exchanged. Raises ImageError."""
        key = self._settings.label_studio_api_key
        if key.count(".") != 2:  # a legacy token; a personal one is a JWT, three parts with dots between
            return f"Token {key}"
        url = f"{self._settings.label_studio_url}/api/token/refresh/"
        response = self._pool.request("POST", url, json={"refresh": key}, redirect=False)
        try:
            return f"Bearer {response.json()['access']}"
        except (ValueError, KeyError, TypeError) as error:
            raise ImageError(
                f"{url}: status {response.status}; LABEL_STUDIO_API_KEY has expired or is wrong"
            ) from error
