"""A network of its own for one host, with a cable that can be pulled; for machines that allow it (root, Linux, iproute2).

The network lives as long as a process that does nothing, which the kernel ends when we end, however we end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.services import ports
from tests.services.process import Process

_FIRST = 20_000
"""The first port `ports` gives: blocks of ports are machine-wide unique, and so are the networks numbered by them."""


class Wire:
    """A network and a host name in a namespace, and a cable from there to here."""

    def __init__(self, name: str, log: Path) -> None:
        """Raises NoWire where the machine does not allow it."""
        tools = ("ip", "unshare", "nsenter", "hostname")
        if os.geteuid() != 0 or not all(shutil.which(tool) for tool in tools):
            raise NoWire("network namespaces need root, iproute2 and util-linux")
        number = (ports.reserve() - _FIRST) // ports.BLOCK
        network = f"10.213.{number // 64}.{number % 64 * 4}"
        head, _, last = network.rpartition(".")
        self.address = f"{head}.{int(last) + 1}"
        """Ours, at this end of the cable."""
        self._ends = Process(["unshare", "--net", "--uts", "sleep", "infinity"], log)
        try:
            self._ends.wait_ready(self._is_apart, 20)
            self._cable = f"ffchaos{number}"
            _do("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", str(self._ends.pid))
            _do("ip", "addr", "add", f"{self.address}/30", "dev", self._cable)
            _do("ip", "link", "set", self._cable, "up")
            for command in (
                ("ip", "link", "set", "lo", "up"),
                ("ip", "addr", "add", f"{head}.{int(last) + 2}/30", "dev", "eth0"),
                ("ip", "link", "set", "eth0", "up"),
                ("hostname", name),
            ):
                _do(*self.inside, *command)
        except BaseException:
            self._ends.kill()
            raise

    @property
    def inside(self) -> list[str]:
        """What makes a command run there; it is executed in place, so it keeps its process id."""
        return ["nsenter", f"--net=/proc/{self._ends.pid}/ns/net", f"--uts=/proc/{self._ends.pid}/ns/uts"]

    def pull(self) -> None:
        """From now on no packet passes, and nobody is told."""
        _do("ip", "link", "set", self._cable, "down")

    def plug_in(self) -> None:
        """All is well again."""
        _do("ip", "link", "set", self._cable, "up")

    def close(self) -> None:
        """The cable goes with the network, and that with its last process."""
        _do("ip", "link", "delete", self._cable)
        self._ends.kill()

    def _is_apart(self) -> bool:
        """Whether the process has left our network; before, its namespace is ours."""
        theirs, ours = Path(f"/proc/{self._ends.pid}/ns/net"), Path("/proc/self/ns/net")
        return theirs.readlink() != ours.readlink()


class NoWire(Exception):
    """This machine does not allow it."""


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise NoWire(f"{' '.join(command)}: {done.stderr.strip()}")
