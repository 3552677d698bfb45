"""The two engines as programs that answer case after case."""

import collections
import subprocess
import threading

Record = collections.namedtuple("Record", "node key value time_ms")
# `steps`: the records after each input. `failure`: None, or what the program says.
Answer = collections.namedtuple("Answer", "steps failure")

CASE_TIMEOUT_S = 60


class Engine:
    """A program that reads a case a line. One that ended or hangs is started again."""

    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.program = None

    def send(self, case):
        """Answers come by `receive`, so that both engines work at the same time."""
        if self.program is None:
            self.program = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        try:
            self.program.stdin.write(case.line() + "\n")
            self.program.stdin.flush()
        except BrokenPipeError:
            pass  # `receive` finds the end

    def receive(self):
        watch = threading.Timer(CASE_TIMEOUT_S, self.program.kill)
        watch.start()
        try:
            return self.read_answer()
        finally:
            watch.cancel()

    def read_answer(self):
        steps = []
        failure = None
        for line in self.program.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "end":
                return Answer(steps, failure)
            if word == "step":
                steps.append([])
            elif word == "failed":
                failure = rest
            elif word != "case":
                key, value, time_ms = rest.split(" ")
                steps[-1].append(Record(int(word), key, value, int(time_ms)))
        code = self.stop()
        return Answer(steps, f"{self.name} ended with code {code}")

    def stop(self):
        if self.program is None:
            return 0
        try:
            self.program.stdin.close()
        except BrokenPipeError:
            pass  # it ended before it had read everything
        try:
            code = self.program.wait(timeout=CASE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.program.kill()
            code = self.program.wait()
        self.program.stdout.close()
        self.program = None
        return code


class Both:
    """Runs a case on both engines."""

    def __init__(self, ours, theirs):
        self.ours = Engine("Millrace", ours)
        self.theirs = Engine("Kafka Streams", theirs)

    def run(self, case):
        self.ours.send(case)
        self.theirs.send(case)
        return self.ours.receive(), self.theirs.receive()

    def stop(self):
        self.ours.stop()
        self.theirs.stop()
