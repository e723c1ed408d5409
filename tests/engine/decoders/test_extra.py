"""What is missing is said, with the way to get it; what is there is loaded when it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from safelight import engine
from safelight.engine.decoders import DECODERS, WRAPPERS
from safelight.engine.decoders.extra import Extra
from safelight.errors import UnsupportedFormat
from safelight.formats import BY_NAME, FORMATS
from tests.support.documents import pages
from tests.support.pictures import run

HEIC = "valid/pillow__hopper.heif"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what only extras bring."""
    for module in ("pillow_heif", "pypdfium2"):
        monkeypatch.setitem(sys.modules, module, None)


def test_without_its_extra_a_format_is_recognised_and_refused(plain: None, data: Path) -> None:
    for name, file in (
        ("heic", (data / "robustness" / HEIC).read_bytes()),
        ("pdf", pages(b"")),
    ):
        with pytest.raises(UnsupportedFormat) as refused:
            run(file, "w=10")
        assert refused.value.status == 415
        assert refused.value.detail == (
            f"{name} is recognised, but safelight[{name}] is not installed: "
            f"pip install 'safelight[{name}]'"
        )


def test_what_is_missing_is_listed_with_the_reason(plain: None) -> None:
    able = engine.capabilities()
    assert {"bmp", "ico", "raw"} <= set(able["reads"])
    assert not {"heic", "pdf"} & set(able["reads"])
    assert able["lacks"]["heic"] == (
        "safelight[heic] is not installed: pip install 'safelight[heic]'"
    )
    assert able["lacks"]["psd"] == "this build cannot read it"


def test_with_its_extra_nothing_is_missing() -> None:
    able = engine.capabilities()
    assert {"bmp", "ico", "raw", "heic", "pdf"} <= set(able["reads"])
    assert set(able["reads"]) | set(able["lacks"]) == set(BY_NAME)
    assert not set(able["reads"]) & set(able["lacks"])


def test_what_is_no_image_is_told_what_would_be_one(plain: None) -> None:
    with pytest.raises(UnsupportedFormat, match=r"known here: jpeg, .*bmp, ico") as refused:
        run(b"no image")
    assert "pdf" not in refused.value.detail


def test_a_library_that_cannot_be_loaded_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_library.py").write_text("raise ImportError('libsomething.so.1')")
    monkeypatch.syspath_prepend(tmp_path)
    extra = Extra("heic", "broken_library")
    assert extra.unavailable() is None
    with pytest.raises(UnsupportedFormat, match="heic is recognised, but broken_library cannot"):
        extra.library()


def test_libraries_are_loaded_only_when_they_are_needed() -> None:
    script = (
        "import sys\n"
        "from safelight import engine\n"
        "engine.prepare()\n"
        "assert engine.capabilities()['reads']\n"
        "print([m for m in ('PIL', 'pillow_heif', 'pypdfium2', 'numpy') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_every_decoder_has_a_row_among_the_formats_and_no_other_loader() -> None:
    for name in (*DECODERS, *WRAPPERS):
        assert BY_NAME[name].loader is None
        assert BY_NAME[name].saver is None
    assert {f.name for f in FORMATS if not f.loader} - {*DECODERS, *WRAPPERS} == {
        "jxl", "jp2", "psd",
    }  # fmt: skip
