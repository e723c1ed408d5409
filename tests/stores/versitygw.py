"""versitygw: an S3 that enforces signatures, conditional writes and website rules."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.store import S3Store

from tests.stores.servers import Server, free_port, running, tool

ACCESS_KEY = "AKIDSAFELIGHT"
SECRET_KEY = "not-a-secret/only-for+tests"


@contextmanager
def versitygw(
    folder: Path, *, port: int | None = None, arguments: tuple[str, ...] = ()
) -> Iterator[Server]:
    """Serve a folder: a bucket is a folder in it, an object a file.

    ``arguments`` come before the backend, such as ``--virtual-domain example.com``.
    """
    port = port or free_port()
    (folder / "buckets").mkdir(parents=True)
    # Beside the files, not in them: not every file system has extended attributes.
    (folder / "attributes").mkdir()
    command = [
        tool("versitygw"), "--port", f"127.0.0.1:{port}", "--region", "us-east-1", "--quiet",
        *arguments, "posix", "--sidecar", str(folder / "attributes"), str(folder / "buckets"),
    ]  # fmt: skip
    root = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    endpoint = f"http://127.0.0.1:{port}"

    def make(bucket: str) -> None:
        client = S3Store(
            bucket,
            endpoint=endpoint,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            client_options={"allow_http": True},
        )
        if (folder / "buckets" / bucket).exists():
            return
        url = obstore.sign(client, "PUT", "", timedelta(minutes=1))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(urllib.request.Request(url, method="PUT"), timeout=10).close()

    with running(command, folder / "log", endpoint, root):
        yield Server(
            "s3",
            port,
            f"endpoint={endpoint}&region=us-east-1",
            {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY},
            make,
        )
