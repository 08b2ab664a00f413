"""NOTICE and the label of the image name the licences of all that the image has: a new one is noticed here."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.licenses import canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

DOCKERFILE, NOTICE = (ROOT / "Dockerfile").read_text(), (ROOT / "NOTICE").read_text()
[LABEL] = re.findall(r'org\.opencontainers\.image\.licenses="(.*)"', DOCKERFILE)

# Licences that ask for the source, or for a notice of where it is: by SPDX ids and classifiers, and by titles.
COPYLEFT = re.compile(r"\b(A|L)?GPL|\bMPL\b|\bEPL\b|CDDL|Mozilla Public|General Public", re.IGNORECASE)
TITLE = re.compile(r"^\W*(GNU (LESSER |LIBRARY |AFFERO )?GENERAL PUBLIC LICENSE|Mozilla Public License)", re.MULTILINE)

# The shared libraries in the folders *.libs of the packages.
LIBRARIES = {
    "libXau": "X11",
    "libavif": "BSD-2-Clause AND BSD-3-Clause",
    "libbrotlicommon": "MIT",
    "libbrotlidec": "MIT",
    "libfreetype": "FTL",
    "libgeos": "LGPL-2.1-only",
    "libgeos_c": "LGPL-2.1-only",
    "libgfortran": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libharfbuzz": "MIT",
    "libjpeg": "IJG AND BSD-3-Clause",
    "liblcms2": "MIT",
    "liblzma": "0BSD",
    "libopenjp2": "BSD-2-Clause",
    "libpng16": "libpng-2.0",
    "libquadmath": "LGPL-2.1-or-later",
    "libscipy_openblas64_": "BSD-3-Clause AND BSD-3-Clause-Open-MPI",
    "libsharpyuv": "BSD-3-Clause",
    "libtiff": "libtiff",
    "libwebp": "BSD-3-Clause",
    "libwebpdemux": "BSD-3-Clause",
    "libwebpmux": "BSD-3-Clause",
    "libxcb": "X11",
    "libzstd": "BSD-3-Clause",
}
# Of what the libraries of TensorFlow contain, by the sections of its THIRD_PARTY_NOTICES.txt.
STATIC = {
    "Boring SSL": "OpenSSL AND ISC",
    "Curl": "curl",
    "Eigen": "MPL-2.0 AND BSD-3-Clause AND Minpack",
    "icu": "ICU",
    "llvm": "Apache-2.0 WITH LLVM-exception",
    "png": "libpng-2.0",
}
# Files with the title of a copyleft licence for something that the image does not have.
WITHOUT_PART = {
    # The certificates in the source of gRPC, and a script with which LLVM is built.
    "tensorflow/THIRD_PARTY_NOTICES.txt": {"grpcio", "llvm"},
}


class Part(NamedTuple):
    """An entry of NOTICE: `name` with its version, or inside `package` with the version of that."""

    name: str
    package: str
    version: str
    licence: str
    texts: list[str]


def parts() -> list[Part]:
    """Return the entries of NOTICE."""
    head = r"^  (\S+)(?: (\d\S*))?(?: in (\S+) (\S+))?: (.+)\n"
    entries = re.findall(head + r"    text: (.+)\n    source: https://\S+", NOTICE, re.MULTILINE)
    return [
        Part(name, package or name, inner or version, licence, texts.split(", "))
        for name, version, package, inner, licence, texts in entries
    ]


def parts_of(package: str) -> list[Part]:
    """Return the entries of NOTICE about `package`."""
    return [part for part in parts() if canonicalize_name(part.package) == canonicalize_name(package)]


def pinned() -> dict[str, str]:
    """Return the versions of the packages in the image, by their names."""
    removed = {name for line in re.findall(r"pip uninstall --yes ([^&]*)", DOCKERFILE) for name in line.split()}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in wanted
        if requirement.name not in removed
        and (not requirement.marker or requirement.marker.evaluate({"platform_machine": "x86_64"}))
    }


def installed(package: str) -> Distribution:
    """Return `package`. Skips the test if it is not installed, as tensorflow-cpu on Arm."""
    try:
        return distribution(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")


def ids(expression: str) -> set[str]:
    """Return the licences of an SPDX expression; an exception is part of its licence."""
    return set(re.split(r" AND | OR ", re.sub(r"[()]", "", expression)))


def test_label_is_an_spdx_expression_that_begins_with_the_licence_of_the_project() -> None:
    assert canonicalize_license_expression(LABEL) == LABEL
    assert LABEL.startswith("Apache-2.0 AND ")
    assert len(ids(LABEL)) == LABEL.count(" AND ") + 1


def test_parts_of_notice_have_the_pinned_versions_and_their_texts() -> None:
    versions = {canonicalize_name(name): version for name, version in pinned().items()}
    assert len(parts()) == NOTICE.count("\n    source: ")
    for part in parts():
        assert versions[canonicalize_name(part.package)] == part.version, part
        assert ids(part.licence) <= ids(LABEL), part
        files = set(map(str, installed(part.package).files or []))
        assert {text for text in part.texts if not text.startswith("/")} <= files, part


@pytest.mark.parametrize("package", pinned())
def test_licence_in_metadata_of_package_is_in_label_and_if_copyleft_in_notice(package: str) -> None:
    metadata = installed(package).metadata
    expressions, titles, classifiers = (
        metadata.get_all(field) or [] for field in ("License-Expression", "License", "Classifier")
    )
    assert all(ids(expression) <= ids(LABEL) for expression in expressions)
    classifiers = [value for value in classifiers if value.startswith("License ::")]
    told = " ".join([*expressions, *(title.partition("\n")[0] for title in titles), *classifiers])
    assert not COPYLEFT.search(told) or package in {part.name for part in parts_of(package)}, f"add to NOTICE: {told}"


@pytest.mark.parametrize("package", pinned())
def test_shared_libraries_of_package_are_known_and_if_copyleft_in_notice(package: str) -> None:
    files = [Path(file) for file in installed(package).files or []]
    libraries = {re.split(r"-[0-9a-f]{8}|\.so", file.name)[0] for file in files if file.parent.name.endswith(".libs")}
    assert libraries <= set(LIBRARIES), "find the licences of the new ones"
    in_notice = {(part.name.lower(), part.licence) for part in parts_of(package)}
    for library in libraries:
        licence = LIBRARIES[library]
        assert ids(licence) <= ids(LABEL), library
        if COPYLEFT.search(licence):
            names = {library.lower(), library.removeprefix("lib").partition("_")[0]}
            assert any((name, licence) in in_notice for name in names), f"add {library} to NOTICE"


@pytest.mark.parametrize("package", pinned())
def test_copyleft_texts_in_package_are_in_notice(package: str) -> None:
    named = {text for part in parts_of(package) for text in part.texts}
    for file in installed(package).files or []:
        if re.search(r"\.dist-info/.*(LICEN|COPYING|NOTICE)|THIRD_PARTY_NOTICES", str(file)):
            own, *sections = re.split(
                r"^== (.*)$", Path(str(file.locate())).read_text(errors="replace"), flags=re.MULTILINE
            )
            found = {name for name, text in zip(sections[::2], sections[1::2], strict=True) if TITLE.search(text)}
            found -= WITHOUT_PART.get(str(file), set())
            assert found <= {part.name for part in parts_of(package)}, f"{file}: add them to NOTICE"
            assert str(file) in named or not (found or TITLE.search(own)), f"{file}: add its licence to NOTICE"


def test_licences_inside_tensorflow_are_in_the_label() -> None:
    [notices] = [file for file in installed("tensorflow-cpu").files or [] if file.name == "THIRD_PARTY_NOTICES.txt"]
    assert set(STATIC) <= set(re.findall(r"^== (.*)$", notices.read_text(), re.MULTILINE))
    assert ids(" AND ".join(STATIC.values())) <= ids(LABEL)
