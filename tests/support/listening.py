"""A server that notes what is posted to it, and answers as it is asked to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Listener:
    """``statuses`` are answered in turn, then 200; 0 resets the connection, -1 never answers."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    retry_after: str = ""
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def listening() -> Iterator[Listener]:
    """Run such a server."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            listener.heard.append((self.path, headers, body))
            status = listener.statuses.pop(0) if listener.statuses else 200
            if status <= 0:
                if status < 0:
                    listener.over.wait(30)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Location", f"{listener.url}/elsewhere")
            if listener.retry_after:
                self.send_header("Retry-After", listener.retry_after)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"inner")

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listener.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield listener
        finally:
            listener.over.set()
            server.shutdown()
            thread.join()
