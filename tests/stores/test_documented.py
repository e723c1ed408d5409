"""docs/stores.md: the servers in it that a machine can run are tried, what it quotes is said."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from safelight import config
from safelight.storage.addresses import _OPTIONS
from tests.stores.azurite import azurite
from tests.stores.fake_gcs import fake_gcs
from tests.stores.servers import Server
from tests.stores.versitygw import versitygw
from tests.support.commands import run
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, small_s3

SOURCE = Path(__file__).parents[2]
TEXT = (SOURCE / "docs" / "stores.md").read_text(encoding="utf-8")
SETTINGS = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
LOCAL = re.compile(r"127\.0\.0\.1:[0-9]+")

Starter = Callable[[Path], AbstractContextManager[Server]]


@contextmanager
def small(folder: Path) -> Iterator[Server]:
    """Serve a small S3 as the real servers are served."""
    with small_s3() as s3:
        environment = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        yield Server("s3", s3.port, "", environment, s3.bucket)


def local(scheme: str) -> str:
    """Find the settings with a server on this machine."""
    (settings,) = (text for text in SETTINGS if f"{scheme}://" in text and LOCAL.search(text))
    return str(settings)


@pytest.mark.parametrize(
    ("scheme", "starter"),
    [
        ("s3", small),
        pytest.param("s3", versitygw, marks=pytest.mark.full),
        pytest.param("az", azurite, marks=pytest.mark.full),
        pytest.param("gs", fake_gcs, marks=pytest.mark.full),
    ],
)
def test_settings_for_a_server_on_this_machine_pass_the_check(
    scheme: str, starter: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with starter(tmp_path / "store") as server:
        server.make("photos")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        settings = LOCAL.sub(f"127.0.0.1:{server.port}", local(scheme))
        (tmp_path / "safelight.toml").write_text(settings)
        checked = run("check")
        assert checked.exit_code == 0, checked.stderr
        assert f"source     fine ({scheme}://photos" in checked.stdout
        variants = config.build(config.load()).variants
        assert list(variants.store.list()) == []


def test_what_check_is_said_to_say_is_what_it_says() -> None:
    table = TEXT.partition("| it says | |\n|---|---|\n")[2].partition("\n\n")[0]
    said = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    assert len(said) == 8
    package = SOURCE / "src" / "safelight" / "storage"
    code = (package / "faults.py").read_text(encoding="utf-8")
    assert [sentence for sentence in said if sentence not in code] == []


def test_options_are_those_that_there_are() -> None:
    for kind, options in _OPTIONS.items():
        (row,) = re.findall(rf"^\| `{kind}://[^|]*\| ([^|]*) \|", TEXT, re.MULTILINE)
        named = {name.partition("=")[0] for name in re.findall(r"`([a-z=]+)`", row)}
        assert named - {"virtual"} == set(options)
