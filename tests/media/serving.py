"""A folder on a web server of loopback that knows byte ranges, as players ask for them."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class Ranges(SimpleHTTPRequestHandler):
    """Files, and parts of them."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None or not path.is_file():
            with suppress(ConnectionError):
                super().do_GET()
            return
        data = path.read_bytes()
        first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.end_headers()
        with suppress(ConnectionError):  # a player that seeks hangs up
            self.wfile.write(data[first : last + 1])

    def log_message(self, *_: object) -> None:
        """Quiet."""


class serving:  # noqa: N801 - used as a context manager, named as one
    """A folder on loopback."""

    def __init__(self, folder: Path, handler: type[SimpleHTTPRequestHandler] = Ranges) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
