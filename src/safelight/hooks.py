"""Tell somebody that a pipeline has finished a source, or has given it up.

By a POST that is signed, or by a command. A hook that fails does not fail the work that it speaks
of: the log has it, and whoever called is told.
"""

import hashlib
import hmac
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from safelight.confidential import Confidential
from safelight.errors import SettingError

log = logging.getLogger("safelight")

_ANSWER_SECONDS = 10.0
_COMMAND_SECONDS = 60.0
_EXAMPLE = 'hooks = [ { on = "failure", url = "https://example.com/failed", secret = "…" } ]'
# What a program needs to run; keys, tokens and whatever else the service was given stay here.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")


class HookSettings(Confidential, frozen=True):
    """Whom to tell, and of what: ``url`` is posted to, ``command`` is a program with arguments.

    ``secret`` signs what is posted.
    """

    hidden = frozenset({"url", "secret"})

    on: Literal["success", "failure", "both"] = "both"
    # An address to post to often is a secret itself.
    url: str = ""
    secret: str = ""
    command: tuple[str, ...] = ()


class Hook:
    """One hook, as the settings describe it. Safe to use from many threads."""

    def __init__(
        self, settings: HookSettings, *, environment: Mapping[str, str] = os.environ
    ) -> None:
        """Check that it can work. Raises SettingError."""
        self._settings = settings
        self._environment = {
            name: environment[name] for name in _ENVIRONMENT if name in environment
        }
        if bool(settings.url) == bool(settings.command):
            raise SettingError(f"expected either a url or a command (example: {_EXAMPLE})")
        if settings.url:
            self._name = _checked_host(settings.url)
        else:
            self._name = self._checked_program(settings)

    def _checked_program(self, settings: HookSettings) -> str:
        if settings.secret:
            raise SettingError("a secret signs what is posted to a url; a command needs none")
        import shutil

        program = settings.command[0]
        if shutil.which(program, path=self._environment.get("PATH")) is None:
            raise SettingError(
                f"there is no program {program!r} that could be run"
                ' (example: command = ["/usr/local/bin/announce", "--quiet"])'
            )
        return program

    def tell(self, message: Mapping[str, Any], *, success: bool) -> str:
        """Tell of a source, as JSON; return what went wrong, empty when nothing did.

        The same message has the same id, so that it can be told again and counts once. Takes 50
        seconds at most, a command 60.
        """
        wanted = {"both", "success" if success else "failure"}
        if self._settings.on not in wanted:
            return ""
        body = json.dumps(message, ensure_ascii=False, sort_keys=True).encode()
        fault = self._posted(body) if self._settings.url else self._ran(body)
        if not fault:
            return ""
        fault = f"the hook {self._name} {fault}"
        log.error("%s, and was not told of %s", fault, message.get("source", "a source"))
        return fault

    def _posted(self, body: bytes) -> str:
        settings = self._settings
        delivery = hashlib.sha256(settings.url.encode() + b"\n" + body).hexdigest()[:32]
        headers = {"Content-Type": "application/json", "X-Safelight-Delivery": delivery}
        if settings.secret:
            headers["X-Safelight-Signature"] = signature(settings.secret, body, int(time.time()))
        from safelight.posting import Post, post

        return post(Post(settings.url, headers, body), seconds=_ANSWER_SECONDS)

    def _ran(self, body: bytes) -> str:
        import signal
        import subprocess

        try:
            ran = subprocess.Popen(  # noqa: S603 - what the settings name
                self._settings.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            return f"could not be started: {error.strerror}"
        with ran:
            try:
                ran.communicate(body, timeout=_COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                # What it started goes with it.
                os.killpg(ran.pid, signal.SIGKILL)
                return f"took more than {_COMMAND_SECONDS:g} seconds, and was ended"
        return f"ended with {ran.returncode}" if ran.returncode else ""


def signature(secret: str, body: bytes, now: int) -> str:
    """Sign a body and the time at which it is sent, in seconds of Unix."""
    signed = hmac.digest(secret.encode(), b"%d." % now + body, "sha256").hex()
    return f"t={now},v1={signed}"


def _checked_host(url: str) -> str:
    """Name the host of an address that can be posted to: more of it may be secret."""
    try:
        target = urlsplit(url)
        good = target.scheme in ("http", "https") and target.hostname and target.port != 0
    except ValueError:
        good = False
    if not good or target.username is not None or not all("!" <= letter <= "~" for letter in url):
        raise SettingError(
            "expected an http or https address without a password, percent-encoded, as the url"
            f" (example: {_EXAMPLE})"
        )
    return f"at {target.hostname}"
