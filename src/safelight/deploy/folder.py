"""The folder that ``safelight init`` writes: templates, filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from safelight import __version__
from safelight.deploy.targets import CONFIG, TARGETS
from safelight.errors import SettingError

# Templates have a suffix of their own, so that nothing takes them for what they become.
_SUFFIX = ".tmpl"
_COMMON = "common"
_EXECUTABLE = frozenset({"scf_bootstrap"})
_PLACEHOLDER = re.compile(r"<<([a-z_]+)>>")
_INCLUDE = re.compile(r"^( *)<<include ([a-z_.-]+)>>\n", re.MULTILINE)
# What all clouds take, and how that is said. Google's accounts of services have the shortest names:
# thirty, of which seven are said in main.tf.
_NAME = (
    re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){2,22}"),
    "3 to 23 of a-z, 0-9 and single dashes, a letter first",
)
_REGION = (re.compile(r"[a-z][a-z0-9-]{2,30}"), "lower-case letters, digits and dashes")
_BUCKET = (
    re.compile(r"[a-z0-9](?:[a-z0-9-]{1,51})[a-z0-9]"),
    "3 to 53 of a-z, 0-9 and dashes, none at an end",
)
# Where the website of a bucket has a dash before its region, for reasons of history.
_DASHED = frozenset(
    {"us-east-1", "us-west-1", "us-west-2", "eu-west-1", "sa-east-1", "ap-southeast-1",
     "ap-southeast-2", "ap-northeast-1", "us-gov-west-1"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a folder: files written, files that were there, and the next commands."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    steps: tuple[str, ...]


def write(target: str, folder: Path, *, name: str, region: str = "", bucket: str = "") -> Written:
    """Write the files for a target into a folder, except those that are there.

    ``target``: a name in TARGETS. ``name``: what everything is named after. ``region`` and
    ``bucket``: empty for the target's own. Raises SettingError.
    """
    values = _values(target, name, region, bucket)
    written, kept = [], []
    for file, text in rendered(target, values).items():
        path = folder / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as out:
                out.write(text)
            if path.name in _EXECUTABLE:
                path.chmod(0o755)
            written.append(path)
        except FileExistsError:
            kept.append(path)
        except OSError as error:
            raise SettingError(f"{path} cannot be written: {error.strerror}") from error
    steps = tuple(_filled(step, values) for step in TARGETS[target].steps)
    return Written(tuple(written), tuple(kept), steps)


def rendered(target: str, values: dict[str, str]) -> dict[str, str]:
    """Fill in the templates, a target's own or the common ones: path in the folder -> text."""
    there = files("safelight.deploy") / "templates"
    texts = {}
    for file in (CONFIG, *TARGETS[target].files):
        own = (there / target / f"{file}{_SUFFIX}").is_file()
        texts[file] = _filled(_text(there / (target if own else _COMMON), file), values)
    return texts


def _text(folder: Traversable, file: str) -> str:
    """Read a template, with what it includes in the place and at the depth where it says so."""
    text = (folder / f"{file}{_SUFFIX}").read_text(encoding="utf-8")

    def included(match: re.Match[str]) -> str:
        lines = _text(folder, match[2]).splitlines()
        return "".join(f"{match[1]}{line}\n" if line else "\n" for line in lines)

    return _INCLUDE.sub(included, text)


def _filled(text: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _values(target: str, name: str, region: str, bucket: str) -> dict[str, str]:
    """Check what was said, and give all that a template may name. Raises SettingError."""
    own = TARGETS[target]
    if not name:
        raise SettingError("--name: everything needs one (example: --name safelight)")
    for option, value, (pattern, form), default in (
        ("--name", name, _NAME, "safelight"),
        ("--region", region, _REGION, own.region),
        ("--bucket", bucket, _BUCKET, "my-photos"),
    ):
        if value and option == "--region" and not own.region:
            raise SettingError(f"--region: there are none for {target}")
        if value and option == "--bucket" and not own.bucket:
            raise SettingError(f"--bucket: there are none for {target}")
        if value and not pattern.fullmatch(value):
            raise SettingError(
                f"{option}: {value!r} cannot be one: {form} (example: {option} {default})"
            )
    region = region or own.region
    values = {
        "name": name,
        # A storage account has 24 letters and digits, of which eight are a digest.
        "name_without_dashes": name.replace("-", "")[:16],
        "region": region,
        "version": __version__,
        "website": f"s3-website{'-' if region in _DASHED else '.'}{region}",
    }
    values["bucket"] = bucket or _filled(own.bucket, values)
    longest = _filled(own.longest, values)
    if len(longest) > own.most:
        raise SettingError(
            f"--bucket: {values['bucket']!r} is too long: {longest} has {len(longest)} characters, "
            f"and {own.most} are allowed (example: --bucket photos)"
        )
    return values
