"""A private RabbitMQ node: own ports, own data, own name server. Knows nothing of our queues."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.services import ports
from tests.services.process import Process, find_program

# Debian's commands in /usr/sbin change to another user and folder; a private node needs the scripts behind them.
_SCRIPTS = Path("/usr/lib/rabbitmq/bin")

# As our deployments set it; only ports and users are the tests' own.
_DEPLOYED = Path(__file__).parents[2] / "deploy" / "rabbitmq" / "rabbitmq.conf"

# Without the environment's proxy: it could not reach this machine's loopback.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RabbitMQ:
    """One node with the management and Prometheus plugins. Restarting keeps durable queues and messages."""

    user = password = "guest"

    def __init__(self, folder: Path) -> None:
        """Write the node's configuration into `folder`; raises MissingService when RabbitMQ is not installed."""
        self._server = find_program("rabbitmq-server", _SCRIPTS)
        self._ctl = find_program("rabbitmqctl", _SCRIPTS)
        self._epmd_program = find_program("epmd")
        self._folder = folder
        self._log = folder / "log" / "out"
        base = ports.reserve()
        self.port, self._management_port, self._prometheus_port = base, base + 1, base + 2
        self._epmd_port = base + 4
        self._environment = self._configure(base)
        self._numbers = itertools.count(1)
        self._epmd: Process | None = None
        self._node: Process | None = None

    @property
    def url(self) -> str:
        """AMQP address of the default virtual host."""
        return self.amqp_url("/")

    @property
    def management_url(self) -> str:
        """Address of the management API and console (guest/guest)."""
        return f"http://127.0.0.1:{self._management_port}"

    @property
    def metrics_port(self) -> int:
        """Where Prometheus finds it."""
        return self._prometheus_port

    @property
    def metrics_url(self) -> str:
        """Address for Prometheus; append /detailed?family=queue_coarse_metrics for numbers per queue."""
        return f"http://127.0.0.1:{self._prometheus_port}/metrics"

    @property
    def log(self) -> Path:
        """What the node wrote to standard output; its own files would be beside it."""
        return self._log

    @property
    def pid(self) -> int:
        """Process id of the Erlang machine of the running node."""
        assert self._node is not None, "RabbitMQ was not started"
        return self._node.pid

    def amqp_url(self, vhost: str) -> str:
        """AMQP address of a virtual host."""
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def start(self) -> None:
        """Start the node and wait until clients can work with it."""
        if self._epmd is None:
            # Erlang would start its name server as a daemon that outlives everything; this one is ours to end.
            self._epmd = Process(
                [self._epmd_program, "-port", str(self._epmd_port), "-address", "127.0.0.1"],
                self._log,
                self._environment,
            )
            self._epmd.wait_ready(lambda: ports.is_open(self._epmd_port))
        self._node = Process([self._server], self._log, self._environment)
        self._node.wait_ready(self._is_ready)

    def ensure_running(self) -> None:
        """Start the node when an earlier test left it dead."""
        if self._node is None or not self._node.running:
            self.start()

    def stop(self) -> None:
        """Shut the node down in order."""
        if self._node is not None:
            self._node.stop()

    def kill(self) -> None:
        """Crash the node."""
        if self._node is not None:
            self._node.kill()

    def restart(self) -> None:
        """Shut down in order when still running, and start again on the same data and ports."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the node and its name server for good; its data is thrown away, so without ceremony."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd = None

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Call the management API, `path` from /api/ on; the parsed answer. Raises urllib.error.HTTPError."""
        request = urllib.request.Request(
            f"{self.management_url}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}",
                "Content-Type": "application/json",
            },
        )
        with _http.open(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl and give what it printed. Takes about two seconds; the management API takes milliseconds."""
        done = subprocess.run(
            [self._ctl, "-q", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"rabbitmqctl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def new_vhost(self) -> str:
        """Make an empty virtual host and give its name."""
        name = f"test-{next(self._numbers)}"
        self.api("PUT", f"vhosts/{name}")
        self.api("PUT", f"permissions/{name}/{self.user}", {"configure": ".*", "write": ".*", "read": ".*"})
        return name

    def delete_vhost(self, name: str) -> None:
        """Remove a virtual host with all that is in it; connections to it are closed."""
        self.api("DELETE", f"vhosts/{name}")

    def _is_ready(self) -> bool:
        if not ports.is_open(self.port):
            return False
        try:
            self.api("GET", "health/checks/virtual-hosts")
        except urllib.error.HTTPError as answer:
            answer.close()  # it is an open answer as well as an error
            return False
        except OSError:  # the management's port is not open yet
            return False
        return True

    def _configure(self, base: int) -> dict[str, str]:
        folder = self._folder
        for name in ("mnesia", "log", "gen", "home"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self._management_port}\n"
            "prometheus.tcp.ip = 127.0.0.1\n"
            f"prometheus.tcp.port = {self._prometheus_port}\n"
            "loopback_users = none\n" + _DEPLOYED.read_text(encoding="utf-8")
        )
        # This is all that `rabbitmq-plugins enable` would do, in a fraction of its time.
        (folder / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_prometheus].\n")
        cookie = folder / "home" / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text("framefleet")
            cookie.chmod(0o400)
        return {
            "PATH": f"{_SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),
            # Makes the start script replace itself by the Erlang machine, so that the parent-death signal and our
            # signals reach the node itself. Nothing else depends on it: there is no NOTIFY_SOCKET.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": f"test{base}@localhost",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "gen"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(base + 3),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CTL_DIST_PORT_MIN": str(base + 5),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(base + 9),
            # Erlang's schedulers spin by default, which on a small machine takes the CPU from the tests.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
        }
