"""The checks that docs/howto/webhooks.md shows, run by their interpreters against our own signatures."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.webhook import signature

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/howto/webhooks.md"
SECRET, NOW = "sécret", 1_800_000_000
BODY = '{"event":"task.succeeded","name":"é","n":1.50}'
GOOD = signature(SECRET, NOW, BODY.encode())
CASES: list[tuple[str, str, str, int, bool]] = [
    (SECRET, GOOD, BODY, NOW, True),
    (SECRET, GOOD, BODY, NOW + 300, True),
    (SECRET, GOOD, BODY, NOW + 301, False),
    (SECRET, GOOD, BODY, NOW - 301, False),
    ("another", GOOD, BODY, NOW, False),
    (SECRET, GOOD, BODY + " ", NOW, False),
    (SECRET, GOOD.replace(f"t={NOW}", f"t={NOW + 1}"), BODY, NOW, False),
    (SECRET, GOOD + "\n", BODY, NOW, False),
    (SECRET, GOOD[:-1], BODY, NOW, False),
    (SECRET, "", BODY, NOW, False),
]
PYTHON = """
import json, sys
print(json.dumps([is_genuine(s, h, b.encode(), n) for s, h, b, n, _ in json.load(sys.stdin)]))
"""
JAVASCRIPT = """
const cases = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(cases.map(([s, h, b, n]) => isGenuine(s, h, Buffer.from(b), n))));
"""
PHP = """
$cases = json_decode(stream_get_contents(STDIN), true);
echo json_encode(array_map(fn($c) => is_genuine($c[0], $c[1], $c[2], $c[3]), $cases));
"""
RUNNERS = {
    "python": ([sys.executable, "-c"], PYTHON),
    "js": (["node", "-e"], JAVASCRIPT),
    "php": (["php", "-r"], PHP),
}


@pytest.mark.parametrize("language", RUNNERS)
def test_the_check_in_the_document_knows_genuine_calls_from_others(language: str) -> None:
    command, driver = RUNNERS[language]
    if shutil.which(command[0]) is None:
        message = f"{command[0]} is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None

    done = subprocess.run(
        [*command, found[1] + driver], input=json.dumps(CASES), capture_output=True, text=True, timeout=120, check=True
    )

    answers: Any = json.loads(done.stdout)
    assert answers == [genuine for *_, genuine in CASES]
