"""The page of pipelines: what it sets can be wired, and all that can be set is on it."""

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from safelight import config
from safelight.hooks import HookSettings
from safelight.pipelines.settings import EventSettings, PipelineSettings, WriteSettings
from safelight.pipelines.templates import FIELDS
from safelight.workers.inprocess import InProcess
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "pipelines.md").read_text("utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_set_on_the_page_can_be_wired(block: str, tmp_path: Path) -> None:
    file = tmp_path / "safelight.toml"
    file.write_text(block.replace("s3://", "file:./"), encoding="utf-8")
    settings = config.load(file, environment={})
    wired = config.pipelines(settings, base=tmp_path, renderer=InProcess(settings.limits))
    assert wired is not None
    assert wired.pipelines


def test_all_that_can_be_set_is_on_the_page() -> None:
    told = "\n".join(BLOCKS)
    kinds = (PipelineSettings, WriteSettings, EventSettings, HookSettings)
    # How events are told, and by whom, has a page of its own.
    elsewhere = {"token", "command"}
    names = {setting.name for kind in kinds for setting in fields(kind)} - elsewhere
    assert [name for name in sorted(names) if not re.search(rf"\b{name} = ", told)] == []


def test_all_fields_of_keys_are_on_the_page() -> None:
    assert [name for name in FIELDS if f"| `{{{name}}}` |" not in PAGE] == []
