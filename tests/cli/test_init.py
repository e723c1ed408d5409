"""``safelight init``: what is written, what is left alone, and that it fits together."""

import re
import stat
import tomllib
from pathlib import Path

import pytest

from safelight.deploy.targets import CONFIG, TARGETS
from tests.support.commands import refused, run

ALL = sorted(TARGETS)


def init(target: str, *options: str) -> Path:
    result = run("init", target, "there", *options)
    assert result.exit_code == 0, result.stderr
    return Path("there")


@pytest.mark.parametrize("target", ALL)
def test_every_file_of_a_target_is_written_and_named(target: str) -> None:
    said = run("init", target, "there").stdout
    for file in (CONFIG, *TARGETS[target].files):
        assert Path("there", file).read_text()
        assert f"there/{file} written\n" in said
    commands = said.partition("Next:\n")[2].splitlines()
    assert commands[0] == "  cd there"
    assert len(commands) > 1


@pytest.mark.parametrize("target", ALL)
def test_nothing_is_left_to_fill_in(target: str) -> None:
    folder = init(target)
    for file in folder.rglob("*"):
        if file.is_file():
            assert not re.search(r"<<(include )?[a-z_.]+>>", file.read_text()), file


def test_every_template_belongs_to_a_target() -> None:
    import safelight.deploy

    templates = Path(safelight.deploy.__file__).parent / "templates"
    there = {path for path in templates.rglob("*") if path.is_file()}
    text = "".join(path.read_text() for path in there)
    included = set(re.findall(r"<<include ([a-z_.-]+)>>", text))
    used = {templates / "common" / f"{CONFIG}.tmpl"}
    for target, facts in TARGETS.items():
        for file in facts.files:
            own = templates / target / f"{file}.tmpl"
            used.add(own if own.exists() else templates / "common" / f"{file}.tmpl")
        used |= {path for path in there if path.name.removesuffix(".tmpl") in included}
    assert there == used


def test_the_settings_are_the_same_everywhere() -> None:
    texts = set()
    for target in ALL:
        assert run("init", target, target).exit_code == 0
        texts.add(Path(target, CONFIG).read_bytes())
    assert len(texts) == 1
    settings = tomllib.loads(texts.pop().decode())
    assert {"presets", "pipelines"} <= set(settings)
    assert "source" not in settings


def test_a_file_that_is_there_is_never_written_over() -> None:
    folder = init("docker")
    mine = folder / "Dockerfile"
    mine.write_text("FROM scratch\n")
    (folder / "compose.yaml").unlink()
    result = run("init", "docker", "there")
    assert result.exit_code == 0
    assert mine.read_text() == "FROM scratch\n"
    assert "there/Dockerfile is there already, and left as it is\n" in result.stdout
    assert "there/compose.yaml written\n" in result.stdout


def test_the_name_and_the_bucket_go_where_they_belong() -> None:
    text = (init("aws", "--name", "pics", "--bucket", "cats") / "serverless.yml").read_text()
    assert "service: pics\n" in text
    assert '"s3://cats"' in text or "s3://cats\n" in text
    assert "safelight-resize" not in text


def test_the_longest_name_is_none_that_a_cloud_refuses() -> None:
    name = "abcde-abcde-abcde-abcde"
    for target in ("azure", "gcp"):
        assert run("init", target, target, "--name", name).exit_code == 0
    accounts = re.findall(r'account_id *= "(.*)"', Path("gcp", "main.tf").read_text())
    assert len(accounts) == 2
    assert all(len(account) <= 30 for account in accounts)
    for file in ("main.bicep", "events.bicep"):
        (unique,) = re.findall(r"'([a-z]*)\$\{take\(uniqueString", Path("azure", file).read_text())
        assert len(unique) + 8 <= 24


def test_the_queue_hears_of_what_came_and_of_what_went_in_either_way() -> None:
    text = (init("aws") / "template.yaml").read_text()
    told = re.findall(r"- Event: s3:(\w+):\*\n +Queue: .*\n +Filter: .*Value: uploads/", text)
    assert told == ["ObjectCreated", "ObjectRemoved", "LifecycleExpiration"]


def test_no_subscription_ends_by_itself_because_nothing_came() -> None:
    text = (init("gcp") / "main.tf").read_text()
    found = re.findall(
        r'^resource "google_pubsub_subscription" .*?^}', text, re.MULTILINE | re.DOTALL
    )
    assert len(found) == 2
    assert all('expiration_policy {\n    ttl = ""\n  }' in each for each in found)


@pytest.mark.parametrize("region", ["ap-guangzhou", "na-siliconvalley"])
def test_a_bucket_of_tencent_has_no_longer_address_than_it_may(region: str) -> None:
    text = (init("tencent", "--region", region) / "main.tf").read_text()
    names = re.findall(r'= "([a-z-]+)-\$\{var\.appid\}"', text)
    assert len(names) == 2
    assert all(len(f"{name}-1250000000.cos.{region}.myqcloud.com") <= 60 for name in names)


@pytest.mark.parametrize(("region", "host"), [("eu-west-1", "-eu"), ("eu-central-1", ".eu")])
def test_the_website_of_a_bucket_is_named_as_its_region_does(region: str, host: str) -> None:
    text = (init("aws", "--region", region) / "template.yaml").read_text()
    assert f".s3-website{host}" in text


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("aws", ["--name", "No Name"], "--name: 'No Name' cannot be one: 3 to 23 of a-z"),
        ("aws", ["--name", ""], "--name: everything needs one"),
        ("aws", ["--name", "a-"], "--name"),
        ("gcp", ["--name", "a" * 24], "--name"),
        ("aws", ["--bucket", "a/b"], "--bucket"),
        ("aws", ["--bucket", "ab-"], "--bucket"),
        ("tencent", ["--bucket", "a" * 15], "and 60 are allowed"),
        ("tencent", ["--name", "a" * 15], "--bucket: 'aaaaaaaaaaaaaaa' is too long"),
        ("gcp", ["--bucket", "a" * 48], "and 63 are allowed"),
        ("aws", ["--region", "eu west"], "--region"),
        ("docker", ["--region", "eu-west-1"], "--region: there are none for docker"),
        ("docker", ["--bucket", "cats"], "--bucket: there are none for docker"),
    ],
)
def test_what_cannot_be_a_name_is_refused(target: str, options: list[str], said: str) -> None:
    refused(run("init", target, "there", *options), said)
    assert not Path("there").exists()


def test_a_folder_that_cannot_be_written_is_told() -> None:
    Path("file").write_text("")
    refused(run("init", "docker", "file/there"), "cannot be written")


def test_a_script_that_is_started_may_be_started() -> None:
    script = init("tencent") / "scf_bootstrap"
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    assert b"\r" not in script.read_bytes()
