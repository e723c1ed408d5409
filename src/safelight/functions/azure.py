"""Azure Functions, in the v2 model of Python: triggers for uploads, and the doors of HTTP.

``function_app.py`` of a deployment says no more than::

    from safelight.functions.azure import function_app

    app = function_app()

An image that cannot be used becomes a dead letter at once. What may succeed later is raised: Azure
calls again, five times in all, and puts a message into the queue of poison, from where it is tried
again, and stays in that queue's own queue of poison if the store is down for so long.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import azure.functions as func
from azure.functions import HttpResponse as Answer

from safelight.config import Settings
from safelight.errors import EventUnknown
from safelight.events import Event, Notice, read
from safelight.functions.runtime import Runtime
from safelight.storage.addresses import parse
from safelight.web.exchange import Incoming, Response

log = logging.getLogger("safelight")

# https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger
_POISON = "webjobs-blobtrigger-poison"
# An address as it came: the host gives it on decoded and encoded anew, and %2F has become a slash.
_AS_SENT = ("x-waws-unencoded-url", "x-original-url")
_METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")


def function_app(
    settings: Settings | None = None, *, connection: str = "AzureWebJobsStorage"
) -> func.FunctionApp:
    """Make the app whose functions Azure finds in ``function_app.py``.

    ``settings``: by default as the command reads them. ``connection``: the app setting that says
    how Azure itself reaches the account of the blobs. Raises SettingError.
    """
    folder = Path(os.environ.get("AzureWebJobsScriptRoot", "."))  # noqa: SIM112 - Azure's name
    runtime = Runtime(settings, folder=folder, own_log=False)
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    _requests(app, runtime)
    for name, path in trigger_paths(runtime.settings):
        _uploads(app, runtime, name, path, connection)
    if runtime.settings.pipelines:
        _notices(app, runtime)
        _poison(app, runtime, connection)
    return app


def trigger_paths(settings: Settings) -> Iterator[tuple[str, str]]:
    """Name the functions that blobs trigger, one for each container, each with what it watches.

    That is the folder which all pipelines have in common: a subscription of Event Grid can say the
    same.
    """
    urls = {"": settings.source.url}
    urls |= {f"{name}/": url for name, url in settings.sources.items()}
    for mount, url in urls.items():
        watched = list(_watched(settings, mount, list(urls)))
        if not watched or not url.startswith("az:"):
            continue
        address = parse(url)
        folders = [prefix.split("/")[:-1] for prefix in watched]
        alike = takewhile(lambda parts: len({*parts}) == 1, zip(*folders, strict=False))
        shared = [parts[0] for parts in alike]
        path = "/".join(filter(None, (address.name, address.prefix, *shared, "{name}")))
        yield f"uploaded_{mount[:-1]}" if mount else "uploaded", path


def _watched(settings: Settings, mount: str, mounts: Sequence[str]) -> Iterator[str]:
    """List the prefixes of keys in one source that pipelines take."""
    inner = tuple(other for other in mounts if other != mount and other.startswith(mount))
    for pipeline in settings.pipelines:
        if pipeline.on.startswith(mount) and not pipeline.on.startswith(inner):
            yield pipeline.on.removeprefix(mount)
        elif mount.startswith(pipeline.on):
            yield ""


def _uploads(
    app: func.FunctionApp, runtime: Runtime, name: str, path: str, connection: str
) -> None:
    @app.function_name(name)
    @app.blob_trigger("blob", path, connection, source=func.BlobSource.EVENT_GRID)
    def uploaded(blob: func.InputStream, context: func.Context) -> None:
        # Its bytes came along, and are not looked at: it may have changed, and the store knows.
        container, _, key = (blob.name or "").partition("/")
        event = Event("created", "azure", container, key)
        _treat(runtime, Notice((event,)), context)


def _notices(app: func.FunctionApp, runtime: Runtime) -> None:
    """Hear of blobs that were removed: they trigger nothing."""

    @app.function_name("changed")
    @app.event_grid_trigger("event")
    def changed(event: func.EventGridEvent, context: func.Context) -> None:
        payload = {
            "eventType": event.event_type,
            "subject": event.subject,
            "data": event.get_json(),
            "eventTime": event.event_time.isoformat() if event.event_time else None,
        }
        try:
            notice = read(payload)
        except EventUnknown as error:
            # It would be no better if it came again.
            log.error("an event of %s is passed over: %s", event.topic, error.detail)
        else:
            _treat(runtime, notice, context)


def _poison(app: func.FunctionApp, runtime: Runtime, connection: str) -> None:
    @app.function_name("given_up")
    @app.queue_trigger("message", _POISON, connection)
    def given_up(message: func.QueueMessage, context: func.Context) -> None:
        _treat(runtime, read(message.get_body()), context)


def _treat(runtime: Runtime, notice: Notice, context: func.Context) -> None:
    deadline = time.monotonic() + runtime.settings.events.seconds
    runtime.treat(notice, name=context.invocation_id, deadline=deadline)


def _requests(app: func.FunctionApp, runtime: Runtime) -> None:
    def answer(request: func.HttpRequest, context: func.Context, path: str = "") -> Answer:
        response = runtime.answer(
            lambda: incoming(request, path),
            request.get_body(),
            given=request.headers.get("x-request-id", ""),
            name=context.invocation_id,
        )
        return outgoing(response)

    @app.function_name("resize")
    @app.route("api/resize", methods=["POST"])
    def resize(req: func.HttpRequest, context: func.Context) -> Answer:
        return answer(req, context, "/resize")

    @app.function_name("serve")
    @app.route("{*path}", methods=_METHODS)
    def serve(req: func.HttpRequest, context: func.Context) -> Answer:
        return answer(req, context)


def incoming(request: func.HttpRequest, path: str = "") -> Incoming:
    """Read a request, with its address as it was sent as far as Azure tells.

    ``path``: what it means, where that is not what it says. Raises AddressTooLong.
    """
    given = urlsplit(request.url)
    raw = path or given.path
    for name in () if path else _AS_SENT:
        sent = request.headers.get(name, "").partition("?")[0]
        # Anyone can write these headers where no front end of Azure does: they may not mean more.
        if sent and _bare(sent) == _bare(given.path):
            raw = sent
            break
    headers = [(n.encode(), v.encode("latin-1", "replace")) for n, v in request.headers.items()]
    return Incoming.of(request.method, raw.encode(), given.query.encode(), "", headers)


def _bare(path: str) -> str:
    """Decode a path as often as it may have been encoded on its way."""
    return unquote(unquote(path))


def outgoing(response: Response) -> Answer:
    """Write an answer. That of a HEAD request has its body, too: the host leaves it out."""
    headers = {name.decode(): value.decode("latin-1") for name, value in response.headers}
    # Without one the worker says text/plain, also of a 304, and caches would believe that.
    headers.setdefault("content-type", "")
    return Answer(response.body, status_code=response.status, headers=headers)
