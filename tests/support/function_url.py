"""A Function URL on this machine: what is asked there, a function is called for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.lambdas import Lambda

# What is about the connection is said by the server itself.
_OF_A_CONNECTION = frozenset(("connection", "content-length", "date"))


@contextmanager
def function_url(function: Lambda) -> Iterator[int]:
    """Listen until the end of the block, and give the port; one call at a time, as an instance."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _called(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with one_at_a_time:
                answer = function.ask(
                    "url", self.command, self.path, headers=dict(self.headers), body=body
                )
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name not in _OF_A_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = _called  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:
            """Leave it to the function."""

    one_at_a_time = threading.Lock()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield listener.server_port
        finally:
            listener.shutdown()
            thread.join()
