"""Settings: read from file, environment and options; a wrong one is named with an example."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight import config
from safelight.config import Settings, build, grammar, load
from safelight.errors import SettingError
from safelight.limits import Limits
from safelight.storage import Remembered
from safelight.storage.folder import FolderStore
from safelight.transform import Transform
from safelight.workers.inprocess import InProcess

KEYS = "sixteen letters 1, sixteen letters 2"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(toml: str = "", environment: dict[str, str] | None = None, **overrides: Any) -> Settings:
    Path("safelight.toml").write_text(toml)
    return load(environment=environment or {}, overrides=overrides)


def test_without_a_file_everything_has_a_default() -> None:
    settings = load(environment={})
    assert settings == Settings()
    assert settings.source.url == "file:./photos"
    assert settings.variants.url == "file:./.safelight/variants"
    assert settings.server.host == "127.0.0.1"
    assert not settings.security.unsigned


def test_the_defaults_are_the_limits_that_are_promised() -> None:
    limits = load(environment={}).limits
    assert limits == Limits()
    assert (limits.source_bytes, limits.source_pixels) == (64_000_000, 50_000_000)
    assert (limits.output_edge, limits.output_pixels, limits.bands) == (8_192, 25_000_000, 5)


def test_options_win_over_the_environment_and_that_over_the_file() -> None:
    toml = "[server]\nport = 1\nmax_age = 1\nqueue = 1\n"
    environment = {"SAFELIGHT_SERVER_PORT": "2", "SAFELIGHT_SERVER_MAX_AGE": "2", "PATH": "/bin"}
    server = loaded(toml, environment, server={"port": 3}).server
    assert (server.port, server.max_age, server.queue) == (3, 2, 1)


@pytest.mark.parametrize(
    ("variable", "value", "section", "name", "expected"),
    [
        ("SAFELIGHT_SOURCE_URL", "file:/srv/photos", "source", "url", "file:/srv/photos"),
        ("SAFELIGHT_VARIANTS_MAX_BYTES", "1.5GB", "variants", "max_bytes", 1_500_000_000),
        ("SAFELIGHT_VARIANTS_REDIRECT_STATUS", "308", "variants", "redirect_status", 308),
        ("SAFELIGHT_VARIANTS_CACHE_TAGS", "true", "variants", "cache_tags", True),
        ("SAFELIGHT_SERVER_MAX_INLINE_BYTES", "4MB", "server", "max_inline_bytes", 4_000_000),
        ("SAFELIGHT_CDN_TOKEN", "sesame", "cdn", "token", "sesame"),
        ("SAFELIGHT_LIMITS_SECONDS", "2.5", "limits", "seconds", 2.5),
        ("SAFELIGHT_LIMITS_WORKER_MEMORY", "1GiB", "limits", "worker_memory", 2**30),
        ("SAFELIGHT_WORKERS_PROCESSES", "3", "workers", "processes", 3),
        ("SAFELIGHT_WORKERS_RECYCLE_JOBS", "10", "workers", "recycle_jobs", 10),
        ("SAFELIGHT_SERVER_INDEX", "off", "server", "index", "off"),
        ("SAFELIGHT_SECURITY_UNSIGNED", "true", "security", "unsigned", True),
        ("SAFELIGHT_SECURITY_UNSIGNED", "0", "security", "unsigned", False),
        ("SAFELIGHT_SECURITY_KEYS", KEYS, "security", "keys", tuple(KEYS.split(", "))),
        ("SAFELIGHT_SECURITY_KEYS", KEYS[:17], "security", "keys", (KEYS[:17],)),
        ("SAFELIGHT_SECURITY_KEYS", "", "security", "keys", ()),
        ("SAFELIGHT_SECURITY_OPERATIONS", "resize,w", "security", "operations", ("resize", "w")),
        ("SAFELIGHT_SECURITY_WIDTHS", "320,640", "security", "widths", (320, 640)),
        ("SAFELIGHT_REQUEST_DEFAULTS", "fit=fill", "request", "defaults", "fit=fill"),
    ],
)
def test_every_setting_is_a_variable_too(
    variable: str, value: str, section: str, name: str, expected: object
) -> None:
    assert getattr(getattr(loaded("", {variable: value}), section), name) == expected


def test_a_preset_is_a_variable_too() -> None:
    settings = loaded('[presets]\nthumb = "w=1"\n', {"SAFELIGHT_PRESETS_SMALL": "w=2"})
    assert settings.presets == {"thumb": "w=1", "small": "w=2"}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MB", 64_000_000),
        ("64 mb", 64_000_000),
        ("1.5GiB", 3 * 2**29),
        ("100kB", 100_000),
        ("64KiB", 65_536),
        ("12345", 12_345),
        (" 1 GB ", 10**9),
    ],
)
def test_a_size_may_have_a_unit(text: str, size: int) -> None:
    assert loaded(f'[limits]\nsource_bytes = "{text}"').limits.source_bytes == size
    assert loaded(f'[variants]\nmax_bytes = "{text}"').variants.max_bytes == size


@given(st.integers(1, 10**15))
def test_any_number_of_bytes_is_read_as_it_is(size: int) -> None:
    overrides = {"limits": {"source_bytes": str(size)}}
    assert load(environment={}, overrides=overrides).limits.source_bytes == size


@given(st.text(max_size=20))
def test_any_text_as_a_size_is_a_size_or_a_named_error(text: str) -> None:
    try:
        limits = load(environment={}, overrides={"limits": {"source_bytes": text}}).limits
    except SettingError as error:
        fault = error.detail
    else:
        assert limits.source_bytes > 0
        return
    assert fault.startswith("limits.source_bytes: ")


WRONG = [
    # the file, the setting that is named, what is said of it
    ("[server]\nport = 65536", "server.port", "<= 65535"),
    ("[server]\nport = -1", "server.port", ">= 0"),
    ('[server]\nport = "http"', "server.port", "got `str`"),
    ("[server]\nport = 80.5", "server.port", "got `float`"),
    ("[server]\nmax_age = -1", "server.max_age", ">= 0"),
    ("[server]\nqueue = 0", "server.queue", ">= 1"),
    ("[server]\nbody_seconds = 0", "server.body_seconds", "> 0"),
    ("[server]\nidle_seconds = nan", "server.idle_seconds", "> 0"),
    ("[server]\nidle_seconds = inf", "server.idle_seconds", "got inf"),
    ('[server]\nindex = "maybe"', "server.index", "local, on, off"),
    ("[server]\nhost = 5", "server.host", "got `int`"),
    ('[limits]\nsource_bytes = "64 bananas"', "limits.source_bytes", "got `str`"),
    ('[limits]\nsource_bytes = ""', "limits.source_bytes", "got `str`"),
    ("[limits]\nsource_bytes = -5", "limits.source_bytes", "above 0"),
    ("[limits]\nseconds = 0", "limits.seconds", "above 0"),
    ("[limits]\nseconds = nan", "limits.seconds", "got nan"),
    ("[limits]\nseconds = inf", "limits.seconds", "got inf"),
    ("[limits]\noutput_edge = 0", "limits.output_edge", "above 0"),
    ("[workers]\nprocesses = -1", "workers.processes", "from 0"),
    ("[workers]\nrecycle_jobs = 0", "workers.recycle_jobs", "above 0"),
    ("[variants]\nmax_bytes = 0", "variants.max_bytes", ">= 1"),
    ('[variants]\nlayout = "flat"', "variants.layout", "versioned, path"),
    ('[variants]\ndeliver = "never"', "variants.deliver", "inline, redirect, auto"),
    ("[variants]\nredirect_status = 303", "variants.redirect_status", "301, 302, 307, 308"),
    ("[variants]\nsign_seconds = 0", "variants.sign_seconds", ">= 2"),
    ('[variants]\npublic_url = "cdn.example.com"', "variants.public_url", "an address"),
    ('[variants]\nlayout = "path"\n[presets]\na = "format=auto"', "presets.a", "one address"),
    (
        '[variants]\nlayout = "path"\n[request]\ndefaults = "format=auto"',
        "request.defaults",
        "one address",
    ),
    ("[server]\nmax_inline_bytes = -1", "server.max_inline_bytes", ">= 0"),
    ('[cdn]\nkind = "akamai"', "cdn.kind", "cloudflare"),
    ('[cdn]\nkind = "fastly"\ntoken = "x"', "cdn.id", "the service"),
    ("[source]\nurl = 5", "source.url", "got `int`"),
    ('[security]\nunsigned = "maybe"', "security.unsigned", "got `str`"),
    ('[security]\nkeys = ["fifteen letters"]', "security.keys", "key 1 has 15 characters"),
    (f'[security]\nkeys = ["{"x" * 16}", "", 5]', "security.keys", "got `int`"),
    (f'[security]\nkeys = ["{"x" * 16}", ""]', "security.keys", "key 2 has 0 characters"),
    ("[security]\nkeys = 5", "security.keys", "got `int`"),
    ('[security]\nadmin_key = "short"', "security.admin_key", "has 5 characters"),
    ('[security]\noperations = ["blurr"]', "security.operations", "'blurr' is no operation"),
    ("[security]\nwidths = [320, 0]", "security.widths", ">= 1"),
    ('[security]\nwidths = "a,b"', "security.widths", "got `str`"),
    ("[presets]\nthumb = 3", "presets.thumb", "no transform"),
    ('[presets.thumb]\nw = "1"', "presets.thumb", "no transform"),
    ("[sources]\narchive = 3", "sources.archive", "no store"),
    ('[presets]\nthumb = "w=wide"', "presets.thumb", "'wide' is not valid"),
    ('[presets]\nthumb = "size=3"', "presets.thumb", "unknown name"),
    ('[presets]\nThumb = "w=1"', "presets.Thumb", "only a-z"),
    ('[presets]\n"a b" = "w=1"', "presets.a b", "only a-z"),
    ('[presets]\ns-mall = "w=1"', "presets.s-mall", "something else"),
    ('[presets]\npic = "w=1"', "presets.pic", "something else"),
    ('[request]\ndefaults = "w=wide"', "request.defaults", "'wide' is not valid"),
]


@pytest.mark.parametrize(("toml", "name", "said"), WRONG, ids=[name for _, name, _ in WRONG])
def test_a_wrong_value_is_named_with_its_fault_and_an_example(
    toml: str, name: str, said: str
) -> None:
    with pytest.raises(SettingError) as caught:
        loaded(toml)
    detail = caught.value.detail
    assert detail.startswith(f"{name}: ")
    assert said in detail
    assert "example: " in detail or "known are" in detail or "unknown name" in detail
    assert "\n" not in detail


def test_the_example_of_an_error_is_right_itself() -> None:
    for toml, name, _ in WRONG:
        with pytest.raises(SettingError) as caught:
            loaded(toml)
        example = re.search(r"example: (\w+ = .+)\)$", caught.value.detail)
        if example:
            loaded(f"[{name.partition('.')[0]}]\n{example[1]}")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[sever]\nport = 1", r"\[sever\] is no section: known are source, sources, variants"),
        ("[server]\nprt = 1", r"server\.prt is no setting: known are host, port"),
        ("server = 3", r"server is a section: write \[server\]"),
        ("[[server]]\nport = 1", r"server is a section: write \[server\]"),
        ("[server", r"safelight\.toml is not valid TOML"),
        ("port: 8000", r"safelight\.toml is not valid TOML"),
    ],
)
def test_a_wrong_file_is_explained_even_when_something_else_overrides_it(
    toml: str, said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        loaded(toml)
    with pytest.raises(SettingError, match=said):
        loaded(toml, {"SAFELIGHT_SERVER_PORT": "1"}, server={"port": 2})


def test_a_file_that_is_no_text_or_not_there_is_explained() -> None:
    Path("safelight.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match="is not valid TOML"):
        load(environment={})
    with pytest.raises(SettingError, match=r"gone\.toml cannot be read: No such file"):
        load(Path("gone.toml"), environment={})
    Path("folder").mkdir()
    with pytest.raises(SettingError, match="folder cannot be read"):
        load(Path("folder"), environment={})


def test_a_file_from_another_editor_may_have_a_mark_at_its_start() -> None:
    Path("safelight.toml").write_bytes(b"\xef\xbb\xbf[server]\nport = 7\n")
    assert load(environment={}).server.port == 7


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("SAFELIGHT_PORT", "SAFELIGHT_PORT is no setting: known are SAFELIGHT_SOURCE_…"),
        ("SAFELIGHT_", "SAFELIGHT_ is no setting"),
        ("SAFELIGHT_SERVER", "SAFELIGHT_SERVER is no setting"),
        ("SAFELIGHT_SERVER_", "SAFELIGHT_SERVER_ is no setting"),
        ("SAFELIGHT_SERVER_PRT", "server.prt is no setting: known are host, port"),
        ("SAFELIGHT_SERVER_PORT", "server.port: expected `int`"),
        ("SAFELIGHT_PRESETS_THUMB", "presets.thumb: unknown name 'x'"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, said: str) -> None:
    with pytest.raises(SettingError) as caught:
        loaded("", {variable: "x"})
    assert said in caught.value.detail


def test_variables_of_others_are_no_concern() -> None:
    assert loaded("", {"SAFE": "x", "MYSAFELIGHT_PORT": "x", "safelight_port": "x"}) == Settings()


@pytest.mark.parametrize(
    "name",
    sorted(
        {*config.RESERVED, "w", "h", "q", "f", "quality", "lossless", "enlarge", "300x300", "x9"}
    ),
)
def test_a_preset_cannot_have_a_name_that_means_something_else(name: str) -> None:
    with pytest.raises(SettingError, match=f"presets.{name}: the name means something else"):
        loaded(f'[presets]\n{name} = "w=1"')


@pytest.mark.parametrize("name", ["thumb", "a", "web-800", "x_1", "0", "x" * 64])
def test_a_preset_may_have_any_other_simple_name(name: str) -> None:
    presets = grammar(loaded(f'[presets]\n{name} = "w=1"')).presets
    assert presets == {name: Transform.of(w=1)}


def test_defaults_are_part_of_the_grammar() -> None:
    rules = grammar(loaded('[request]\ndefaults = "fit=fill,format=auto"'))
    assert rules.defaults["format"] == "auto"


def test_relative_paths_start_from_the_base(tmp_path: Path) -> None:
    renderer = InProcess(Limits())
    settings = loaded('[source]\nurl = "file:./here"\n[variants]\nurl = "file:/tmp/there"')
    service = build(settings, base=tmp_path / "base", renderer=renderer)
    other = build(settings, renderer=renderer)
    try:
        assert isinstance(service.sources, FolderStore)
        assert isinstance(other.sources, FolderStore)
        assert isinstance(service.variants.store, FolderStore)
        assert service.sources.root == tmp_path / "base" / "here"
        assert other.sources.root == tmp_path / "here"
        assert service.variants.store.root == Path("/tmp/there")
    finally:
        service.close()
        other.close()


def test_named_sources_are_below_their_names(tmp_path: Path) -> None:
    text = '[source]\nurl = "file:./here"\n[sources]\narchive = "file:./there"'
    for folder, data in (("here", b"1"), ("there", b"22")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cat.jpg").write_bytes(data)
    source = config.sources(loaded(text), base=tmp_path)
    assert source.head("cat.jpg").size == 1
    assert source.head("archive/cat.jpg").size == 2


def test_a_store_in_a_cloud_is_remembered_as_long_as_is_set() -> None:
    text = '[source]\nurl = "s3://photos?anonymous=true"\nremember_seconds = 3\nmissing_seconds = 2'
    store = config.sources(loaded(text))
    assert isinstance(store, Remembered)
    assert (store.seconds, store.missing_seconds) == (3, 2)
    assert not isinstance(config.sources(loaded('[source]\nurl = "memory:"')), Remembered)


@pytest.mark.parametrize(
    ("name", "url", "said"),
    [
        ("Archive", "memory:", "only a-z"),
        ("a/b", "memory:", "only a-z"),
        ("archive", "s3:", "names no store|names no bucket"),
    ],
)
def test_a_named_source_that_is_none_is_named(name: str, url: str, said: str) -> None:
    with pytest.raises(SettingError, match=rf"sources\.{name}: .*({said})"):
        config.sources(loaded(f'[sources]\n"{name}" = "{url}"'))


@pytest.mark.parametrize("section", ["source", "variants"])
@pytest.mark.parametrize("url", ["ftp://host/x", "photos", ""])
def test_a_store_that_is_none_is_named_with_an_example(section: str, url: str) -> None:
    settings = loaded("", None, **{section: {"url": url}})
    with pytest.raises(SettingError, match=rf"{section}\.url: '.*' names no store: use file:\./"):
        build(settings, renderer=InProcess(Limits()))
