"""Thumbnails of uploads by the bindings of Azure Functions alone, as the tutorials have them.

Azure reads the blob and writes the others; nothing here knows of a store. See README.md for what
that costs.
"""

import time

import azure.functions as func

from safelight import config
from safelight.errors import SafelightError
from safelight.picture import Wish
from safelight.storage import opened_bytes
from safelight.workers.inprocess import InProcess

SETTINGS = config.load()
PRESETS = config.grammar(SETTINGS).presets
ENGINE = InProcess(SETTINGS.limits)
ENGINE.start()

app = func.FunctionApp()


@app.function_name("thumbnails")
@app.blob_trigger(
    "source", "images/uploads/{name}", "AzureWebJobsStorage", source=func.BlobSource.EVENT_GRID
)
@app.blob_output("small", "images/thumbnails/small/{name}", "AzureWebJobsStorage")
@app.blob_output("medium", "images/thumbnails/medium/{name}", "AzureWebJobsStorage")
@app.blob_output("large", "images/thumbnails/large/{name}", "AzureWebJobsStorage")
def thumbnails(
    source: func.InputStream,
    small: func.Out[bytes],
    medium: func.Out[bytes],
    large: func.Out[bytes],
) -> None:
    """Make three pictures of one: decoded once. What is raised makes Azure try again."""
    outputs = {"small": small, "medium": medium, "large": large}
    wishes = [Wish(PRESETS[name], "upload") for name in outputs]
    deadline = time.monotonic() + SETTINGS.events.seconds
    with opened_bytes(source.read(), version="upload") as opened:
        made = ENGINE.develop(opened, wishes, deadline=deadline)
    for output, picture in zip(outputs.values(), made.renderings, strict=True):
        if isinstance(picture, SafelightError):
            raise picture
        output.set(picture.data)
