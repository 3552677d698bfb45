"""A Kafka Connect worker and the scripts of apps/connect, for one test."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

CONNECT = Path(__file__).resolve().parents[3] / "apps" / "connect"
TIMEOUT_S = 300
CONNECTOR_TIMEOUT_S = 120


class Service:
    """A script of apps/connect with a port and a folder of its own."""

    def __init__(self, script, port, folder, options=()):
        self.command = [str(CONNECT / script)]
        self.where = ["--port", str(port), "--dir", str(folder)]
        self.port, self.options = port, list(options)

    def do(self, what):
        options = self.options if what == "start" else []
        subprocess.run(self.command + [what] + self.where + options, check=True,
                       timeout=TIMEOUT_S)


class Worker(Service):
    """A Connect worker with one connector, `name`."""

    def __init__(self, port, folder, bootstrap, name):
        super().__init__("local_connect.sh", port, folder, ["--bootstrap", bootstrap])
        self.name = name

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/connectors/{self.name}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def connect(self, config):
        self.call("PUT", "/config", config)
        self.wait_running()

    def wait_running(self):
        """Until the connector and its task run; a worker that just started answers 404 and 409."""
        end, status = time.monotonic() + CONNECTOR_TIMEOUT_S, None
        while time.monotonic() < end:
            try:
                status = self.call("GET", "/status")
                states = [status["connector"]["state"], *(t["state"] for t in status["tasks"])]
                if len(states) > 1 and all(state == "RUNNING" for state in states):
                    return
                if "FAILED" in states:
                    self.call("POST", "/restart?includeTasks=true&onlyFailed=true")
            except urllib.error.HTTPError as error:
                status = error
            time.sleep(0.5)
        raise RuntimeError(f"connector {self.name} does not run: {status}")
