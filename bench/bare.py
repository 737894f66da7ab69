"""What the machine gives: a server as the API's, with one route that answers a fixed text. Beside it the API is measured."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.ports import reserve

ANSWER = "/answer"


@contextmanager
def bare_server(body: str, folder: Path) -> Iterator[tuple[int, int]]:
    """The port and the process id of a server which answers `body`."""
    port, path = reserve(), folder / "bare.json"
    path.write_text(body)
    process = subprocess.Popen([sys.executable, "-m", "bench.bare", str(port), str(path)])
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{ANSWER}", timeout=5).close()
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _serve(port: int, body: str) -> None:
    import json

    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    app = FastAPI(openapi_url=None)
    answer = json.loads(body)

    @app.get(ANSWER)
    async def given() -> JSONResponse:
        return JSONResponse(answer)

    uvicorn.run(app, host="127.0.0.1", port=port, http="h11", lifespan="off", log_config=None, access_log=False)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]).read_text())
