"""A program tells the service manager that asks for it how it is, without a broker.

Usage: service_test.py CRM_MATERIALIZER
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PATIENCE_S = 30


class Service:
    """The program with a socket on which it notifies, as systemd starts it."""

    def __init__(self, folder, *arguments):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.bind(str(folder / "notify"))
        variables = os.environ | {
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "60000000",
        }
        variables.pop("WATCHDOG_PID", None)
        command = [PROGRAM, "--state.dir", folder / "state", "--query.port", "0"]
        self.process = subprocess.Popen(
            [*command, "--crm.check.records", "0", *arguments],
            env=variables,
            stderr=subprocess.PIPE,
            text=True,
        )

    def await_line(self, line):
        """All lines up to a datagram with this one."""
        lines = []
        while line not in lines:
            lines += self.socket.recv(65536).decode().splitlines()
        return lines

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.socket.close()


class ServiceTest(unittest.TestCase):
    def start(self, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        service = Service(pathlib.Path(folder.name), *arguments)
        self.addCleanup(service.end)
        return service

    def test_a_start_without_brokers_asks_for_time_and_ends_in_order(self):
        service = self.start("--bootstrap.servers", "127.0.0.1:1")
        lines = service.await_line("WATCHDOG=1")
        self.assertIn("EXTEND_TIMEOUT_USEC=60000000", lines)
        self.assertRegex("\n".join(lines), r"STATUS=starting: tasks=0 ")
        service.process.send_signal(signal.SIGTERM)
        lines = service.await_line("STOPPING=1")
        self.assertNotIn("READY=1", lines)
        self.assertEqual(service.process.wait(PATIENCE_S), 0)

    def test_topics_that_no_broker_makes_are_part_of_the_start(self):
        service = self.start("--bootstrap.servers", "127.0.0.1:1", "--create.topics")
        self.assertIn("STATUS=creating topics", service.await_line("WATCHDOG=1"))
        service.process.send_signal(signal.SIGTERM)
        service.await_line("STOPPING=1")
        self.assertEqual(service.process.wait(PATIENCE_S), 0)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=0)
