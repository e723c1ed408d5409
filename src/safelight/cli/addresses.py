"""``safelight url``."""

from __future__ import annotations

import re
import time
from pathlib import Path

import click

from safelight import config, urls
from safelight.cli.command import CONFIG, plainly
from safelight.dialects import Grammar, Match, match, native
from safelight.dialects.grammar import read_key, write_key
from safelight.errors import Forbidden, NotFound, SettingError, SourceError
from safelight.explain import lines
from safelight.picture import Header
from safelight.service import Service
from safelight.signing import Signer
from safelight.transform import Transform, parse_wording

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@click.command()
@click.argument("key")
@click.argument("transform")
@click.option("--explain", "explained", is_flag=True, help="Print what happens, step by step.")
@click.option("--sign", "signed", is_flag=True, help="Sign it with the first of security.keys.")
@click.option("--expires", metavar="TIME", help="How long the signature holds: 90s, 15m, 1h, 7d.")
@click.option("--base", default="", metavar="URL", help="Where the service is, to put before it.")
@CONFIG
@plainly
def url(
    key: str,
    transform: str,
    expires: str | None,
    base: str,
    file: Path | None,
    *,
    explained: bool,
    signed: bool,
) -> None:
    """Print the address of the picture that TRANSFORM makes of KEY."""
    settings = config.load(file)
    rules = config.grammar(settings)
    wording = parse_wording(transform, rules.presets, rules.defaults)
    wanted = wording.transform
    settings.limits.check_wish(wanted)
    key = read_key(write_key(key))
    address = _address(key, transform, wanted, rules)
    if signed or expires:
        address = _signer(settings).sign(address, expires=_expiry(expires))
    elif not explained:
        _check_unsigned(Match(key, wanted, wording.presets, wording.names), settings)
        if settings.security.presets_only:
            address = urls.url(key, transform)
    address = base.rstrip("/") + address
    if not explained:
        click.echo(address)
        return
    service = config.build(settings)
    click.echo(f"address    {address}")
    click.echo(f"canonical  {wanted.canonical or '(nothing is changed)'}")
    try:
        located = service.locate(Match(key, wanted), accept="")
        header = _header(service, key)
    except (NotFound, SourceError) as error:
        for line in lines(wanted):
            click.echo(line)
        click.echo(f"variant    ({error.detail})")
        return
    for line in lines(wanted, header):
        click.echo(line)
    click.echo(f"version    {located.version}")
    click.echo(f"variant    {located.variant.path}")


def _signer(settings: config.Settings) -> Signer:
    """Sign as the first key does. Raises SettingError."""
    if not settings.security.keys:
        raise SettingError(
            "security.keys: there is none to sign with "
            '(example: keys = ["write here what `openssl rand -hex 32` prints"])'
        )
    return Signer(settings.security.keys[0])


def _address(key: str, text: str, wanted: Transform, rules: Grammar) -> str:
    """Write the canonical address, or what was said where the defaults would come into that."""
    address = native.build(key, wanted)
    return address if match(address, "", rules).transform == wanted else urls.url(key, text)


def _check_unsigned(wanted: Match, settings: config.Settings) -> None:
    """Refuse to print what would be refused. Raises Forbidden."""
    try:
        settings.security.check(wanted)
    except Forbidden as error:
        raise Forbidden(f"{error.detail} (here: --sign)") from None


def _expiry(text: str | None) -> int | None:
    """Reckon the second at which a signature ends. Raises SettingError."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is None:
        raise SettingError(f"--expires: {text!r} is no time (example: --expires 1h)")
    return int(time.time()) + int(found[1]) * _SECONDS[found[2]]


def _header(service: Service, key: str) -> Header:
    from safelight.workers.inprocess import InProcess

    engine = InProcess(service.limits)
    engine.start()
    with service.sources.open(key) as source:
        return engine.probe(source, deadline=time.monotonic() + 60)
