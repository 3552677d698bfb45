"""A Kafka and crm_materializer processes for one test."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_KAFKA_TIMEOUT_S = 180
DRAIN_TIMEOUT_S = 180


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Instance:
    """One crm_materializer process; `options` are flags of its own. Instances of one `application`
    share its work. `tls`: the context by which to ask it; None: in the clear."""

    def __init__(self, programs, bootstrap, work, name, options=(), application=None, tls=None):
        self.tls = tls
        self.command = [
            str(programs / "crm_materializer"), "--bootstrap.servers", bootstrap,
            "--application.id", application or name, "--state.dir", str(work / f"{name}-state"),
            "--create.topics=true", "--session.timeout.ms", "2000", *options, "--query.port",
        ]
        self.log = open(work / f"{name}.log", "ab")
        self.start()

    def start(self):
        self.port = free_port()
        self.process = subprocess.Popen(self.command + [str(self.port)], stdout=self.log,
                                        stderr=self.log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def ask(self, path, timeout_s=10):
        """Status, body and headers."""
        status, text, headers = self.ask_text(path, timeout_s)
        return status, json.loads(text), headers

    def ask_text(self, path, timeout_s=10):
        if self.tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        else:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout_s,
                                                     context=self.tls)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def get(self, path):
        return self.ask(path)[:2]

    def wait_running(self):
        end = time.monotonic() + DRAIN_TIMEOUT_S
        while time.monotonic() < end:
            try:
                if self.get("/v1/health")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError("the materializer does not run, see its log")

    def wait_caught_up(self, timeout_s=DRAIN_TIMEOUT_S):
        """Until three looks in a row find nothing left to do, and no lag."""
        calm, end = 0, time.monotonic() + timeout_s
        while calm < 3:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("the materializer did not catch up, see its log")
            time.sleep(0.5)
            try:
                _, health = self.get("/v1/health")
            except OSError:
                calm = 0
                continue
            calm = calm + 1 if health["caught_up"] and health["lag_records"] == 0 else 0

    def cpu_s(self):
        """CPU time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    def stop(self):
        self.process.terminate()
        return self.process.wait(40)


def wait_shared(instances):
    """Until all have tasks, and nothing is left to do."""
    end = time.monotonic() + DRAIN_TIMEOUT_S
    for instance in instances:
        instance.wait_caught_up()
    while not all(instance.get("/v1/ready")[0] == 200 and instance.get("/v1/health")[1]["tasks"]
                  for instance in instances):
        if time.monotonic() > end:
            raise RuntimeError("the instances do not share the tasks, see their logs")
        time.sleep(0.5)
    for instance in instances:
        instance.wait_caught_up()


def load(programs, bootstrap, topic, records):
    """Writes (key, value) pairs with `millrace topic load`; a value of None is a tombstone."""
    lines = "".join(json.dumps({"key": key, "value": value}) + "\n" for key, value in records)
    command = [str(programs / "millrace"), "topic", "load", "--bootstrap.servers", bootstrap,
               "--topic", topic]
    subprocess.run(command, input=lines.encode(), check=True, stdout=subprocess.DEVNULL,
                   timeout=60)


def load_registry(programs, bootstrap, changes, merges, options=()):
    command = [str(programs / "crm_workload"), "registry", "--bootstrap.servers", bootstrap,
               "--changes", str(changes), "--merges", str(merges), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=DRAIN_TIMEOUT_S)


def with_kafka(local_kafka, name, test):
    """Runs `test(bootstrap, work)` with a Kafka and a folder of its own; returns the exit code."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    work = Path(tempfile.mkdtemp(prefix=f"millrace-{name}-"))
    port = free_port()
    kafka = [str(local_kafka)]
    where = ["--port", str(port), "--dir", str(work / "kafka")]
    subprocess.run(kafka + ["start"] + where, check=True, timeout=START_KAFKA_TIMEOUT_S)
    code = 1
    try:
        code = test(f"127.0.0.1:{port}", work)
    finally:
        subprocess.run(kafka + ["wipe"] + where, check=False, timeout=60)
        if code == 0:
            shutil.rmtree(work)
        else:
            print(f"logs are in {work}", file=sys.stderr)
    return code
