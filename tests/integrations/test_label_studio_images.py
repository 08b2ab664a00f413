"""Which files the backend fetches for Label Studio, and which it refuses."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import flask
import pytest

from integrations.label_studio.errors import ImageError
from integrations.label_studio.images import Images
from integrations.label_studio.settings import Settings, origin
from tests.integrations.servers import serving

LEGACY = "legacy"
PERSONAL = "e30.e30.signature"


@dataclass
class Site:
    """A server with files, which records the requests that it gets: path and Authorization."""

    url: str = ""
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    redirect: str = ""


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site]]:
    """Label Studio, below a path, and another server."""
    label_studio, other = Site(), Site()
    with serving(_app(label_studio)) as own_url, serving(_app(other)) as other.url:
        label_studio.url = f"{own_url}/studio"
        yield label_studio, other


def _app(site: Site) -> flask.Flask:
    app = flask.Flask(__name__)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def answer(path: str) -> flask.typing.ResponseReturnValue:
        site.seen.append((flask.request.full_path.rstrip("?"), flask.request.headers.get("Authorization")))
        if path.endswith("refresh/"):
            valid = flask.request.json == {"refresh": PERSONAL}
            return ({"access": "short-lived"}, 200) if valid else ({"detail": "expired"}, 401)
        if path.endswith("redirect"):
            return flask.redirect(site.redirect)
        if path.endswith("large"):
            return b"x" * 1_000_001
        return (b"", 404) if path.endswith("missing") else b"photo"

    return app


def images(label_studio: Site, *allowed: Site, key: str = LEGACY) -> Images:
    settings = Settings(label_studio_url=label_studio.url, label_studio_api_key=key, max_image_mb=1)
    origins = tuple(found for site in allowed if (found := origin(site.url)))
    return Images(replace(settings, image_origins=origins))


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/data/upload/3/a.jpg", "/studio/data/upload/3/a.jpg"),
        ("upload/3/a.jpg", "/studio/data/upload/3/a.jpg"),
        ("/data/local-files/?d=a/b.jpg", "/studio/data/local-files/?d=a/b.jpg"),
        ("s3://bucket/a.jpg", "/studio/tasks/7/presign/?fileuri=czM6Ly9idWNrZXQvYS5qcGc="),
    ],
)
def test_fetch_of_file_of_label_studio_sends_its_token(sites: tuple[Site, Site], address: str, path: str) -> None:
    label_studio, _ = sites
    assert images(label_studio).fetch(address, 7) == b"photo"
    assert label_studio.seen == [(path, f"Token {LEGACY}")]


def test_fetch_with_personal_token_exchanges_it(sites: tuple[Site, Site]) -> None:
    label_studio, _ = sites
    assert images(label_studio, key=PERSONAL).fetch(f"{label_studio.url}/data/a.jpg", 7) == b"photo"
    assert label_studio.seen == [("/studio/api/token/refresh/", None), ("/studio/data/a.jpg", "Bearer short-lived")]


def test_fetch_with_expired_personal_token_names_the_setting(sites: tuple[Site, Site]) -> None:
    with pytest.raises(ImageError, match="status 401; LABEL_STUDIO_API_KEY has expired or is wrong"):
        images(sites[0], key="a.b.c").fetch("/data/a.jpg", 7)


def test_fetch_from_allowed_origin_sends_no_token(sites: tuple[Site, Site]) -> None:
    label_studio, other = sites
    label_studio.redirect = f"{other.url}/a.jpg"
    fetcher = images(label_studio, other)
    assert fetcher.fetch(f"{other.url}/b.jpg", 7) == fetcher.fetch("/data/redirect", 7) == b"photo"
    assert other.seen == [("/b.jpg", None), ("/a.jpg", None)]


@pytest.mark.parametrize(
    "address",
    [
        "{other}/a.jpg",
        "{other}/data/a.jpg",
        "//{host}/data/a.jpg",
        "http://localhost@{host}/a.jpg",
        "file:///etc/passwd",
        "ftp://{host}/a.jpg",
        "data:image/png;base64,AAAA",
        "http://[",
        "",
        "a.jpg",
    ],
)
def test_fetch_from_other_origin_is_refused_without_a_request(sites: tuple[Site, Site], address: str) -> None:
    label_studio, other = sites
    text = address.format(other=other.url, host=other.url.removeprefix("http://"))
    with pytest.raises(ImageError, match=r"not allowed; add them to IMAGE_ORIGINS|no file of Label Studio"):
        images(label_studio).fetch(text, 7)
    assert (label_studio.seen, other.seen) == ([], [])


# Below LABEL_STUDIO_URL, but no files, or perhaps none, as another server reads the path.
NO_FILES = (
    "/",
    "/api/users",
    "/data/../api/users",
    "/data/%2e%2e/api/users",
    "/data/%2E./api",
    "/data/%252e%252e/api",
    "/data/..%2fapi",
    "/data/..;/api",
    "/data/..%5capi",
    "/data/..\\api",
    "/data//a.jpg",
    "/data/./%2e/a.jpg",
    "/data/a%2fb.jpg",
)


@pytest.mark.parametrize("path", NO_FILES)
def test_fetch_of_path_of_label_studio_that_has_no_files_is_refused(sites: tuple[Site, Site], path: str) -> None:
    label_studio, _ = sites
    with pytest.raises(ImageError, match="no file of Label Studio; its files are below /data/"):
        images(label_studio).fetch(path, 7)
    assert label_studio.seen == []


# On the host of Label Studio, but not below LABEL_STUDIO_URL, as it is sent or as another server reads it.
OUTSIDE = (
    "/data/a.jpg",
    "/other/data/a.jpg",
    "/studio",
    "/studio2/data/a.jpg",
    "/Studio/data/a.jpg",
    "/studio/../data/a.jpg",
    "/studio/../../studio2/data/a.jpg",
    "//studio/data/a.jpg",
    "/other/%2e%2e/studio/data/a.jpg",
    "/studio%2fdata/a.jpg",
    "/stud%69o/data/a.jpg",
    "/?/studio/data/a.jpg",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_fetch_outside_of_label_studio_on_its_host_sends_no_token(sites: tuple[Site, Site], path: str) -> None:
    label_studio, other = sites
    host = Site(label_studio.url.removesuffix("/studio"))
    other.redirect = f"{host.url}{path}"
    for key in (LEGACY, PERSONAL):
        with pytest.raises(ImageError, match="not below LABEL_STUDIO_URL, and its scheme, host and port are not"):
            images(label_studio, key=key).fetch(f"{host.url}{path}", 7)
        assert label_studio.seen == []
        fetcher = images(label_studio, host, other, key=key)
        for address in (f"{host.url}{path}", f"{other.url}/redirect"):
            with suppress(ImageError):  # some of the paths have no file
                fetcher.fetch(address, 7)
        assert {token for _, token in label_studio.seen + other.seen} == {None}
        assert "refresh" not in str(label_studio.seen)
        label_studio.seen.clear()


def test_fetch_of_redirect_from_label_studio_to_path_outside_of_it_is_refused(sites: tuple[Site, Site]) -> None:
    label_studio, _ = sites
    label_studio.redirect = "/other/data/a.jpg"
    with pytest.raises(ImageError, match=r"/other/data/a\.jpg: not below LABEL_STUDIO_URL"):
        images(label_studio).fetch("/data/redirect", 7)
    assert label_studio.seen == [("/studio/data/redirect", f"Token {LEGACY}")]


def test_fetch_of_redirect_from_another_server_to_label_studio_sends_the_token_to_label_studio_only(
    sites: tuple[Site, Site],
) -> None:
    label_studio, other = sites
    other.redirect = f"{label_studio.url}/data/a.jpg"
    assert images(label_studio, other).fetch(f"{other.url}/redirect", 7) == b"photo"
    assert other.seen == [("/redirect", None)]
    assert label_studio.seen == [("/studio/data/a.jpg", f"Token {LEGACY}")]


def test_fetch_of_redirect_to_other_origin_is_refused(sites: tuple[Site, Site]) -> None:
    label_studio, other = sites
    label_studio.redirect = f"{other.url}/a.jpg"
    with pytest.raises(
        ImageError, match=f"{re.escape(other.url)}/a.jpg: not below LABEL_STUDIO_URL, and its scheme, host"
    ):
        images(label_studio).fetch("/data/redirect", 7)
    assert other.seen == []


def test_fetch_of_endless_redirect_ends(sites: tuple[Site, Site]) -> None:
    label_studio, _ = sites
    label_studio.redirect = "/studio/data/redirect"
    with pytest.raises(ImageError, match="/data/redirect: more than 3 redirects"):
        images(label_studio).fetch("/data/redirect", 7)


@pytest.mark.parametrize(
    ("path", "message"), [("large", "more than MAX_IMAGE_MB=1; raise it"), ("missing", "status 404; check the address")]
)
def test_fetch_of_file_that_cannot_be_used_names_the_fix(sites: tuple[Site, Site], path: str, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        images(sites[0]).fetch(f"/data/{path}", 7)
