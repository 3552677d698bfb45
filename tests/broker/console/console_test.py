#!/usr/bin/env python3
"""Opens the console of two instances of crm_materializer on a real Kafka in headless Chromium.

The instances have a part of a registry's history, territories, licences, a record that does not
decode, and callers with tokens. `console_check.mjs` asserts the content of every panel, looks for
accessibility faults with axe-core, and takes pictures.

    console_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --data DIR --tools DIR
                    --pictures DIR

It installs playwright-core and axe-core from npm into the folder --tools, in the versions of
package-lock.json, unless they are there. It needs Chromium and Node.js (apps/setup.sh --browser).
"""

import hashlib
import json
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from arguments import add_registry, find_registry, parser_of
from process import Instance, load, load_registry, wait_shared, with_kafka

HERE = Path(__file__).parent
APPLICATION = "crm-console"
CALLERS = {"reader": "read", "clerk": "read,personal"}
NPM_TIMEOUT_S = 180
CHECK_TIMEOUT_S = 300


def install(tools):
    """Fetches the packages of package-lock.json, none of which runs a script."""
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")
    stamp = tools / "package-lock.json"
    if (tools / "node_modules").exists() and stamp.exists() and stamp.read_text() == lock:
        return
    shutil.rmtree(tools, ignore_errors=True)
    tools.mkdir(parents=True)
    shutil.copy(HERE / "package.json", tools)
    shutil.copy(HERE / "package-lock.json", tools)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=tools,
                   check=True, timeout=NPM_TIMEOUT_S, stdout=subprocess.DEVNULL)


def write_secret(path, text):
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")
    return path


def make_tokens(work):
    """The file of the callers, and their tokens."""
    tokens, lines = {}, []
    for name, rights in CALLERS.items():
        token, salt = secrets.token_hex(32), secrets.token_hex(16)
        digest = hashlib.sha256((salt + token).encode()).hexdigest()
        tokens[name] = token
        lines.append(f"{name} {rights} {salt} {digest}\n")
    return write_secret(work / "tokens", "".join(lines)), tokens


class ReadingInstance(Instance):
    """Asks with a token, as nobody else may."""

    token = ""

    def ask_text(self, path, timeout_s=10):
        command = ["curl", "-s", "-o", "-", "-w", "\n%{http_code}", "--max-time", str(timeout_s),
                   "-H", f"Authorization: Bearer {self.token}",
                   f"http://127.0.0.1:{self.port}{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f"curl ends with {done.returncode}")
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text, {}


def load_all(args, bootstrap):
    for file in sorted((args.data / "topics").glob("*.jsonl")):
        with file.open("rb") as lines:
            subprocess.run([str(args.bin / "millrace"), "topic", "load", "--bootstrap.servers",
                            bootstrap, "--topic", file.stem], stdin=lines, check=True,
                           stdout=subprocess.DEVNULL, timeout=60)
    load_registry(args.bin, bootstrap, args.changes, args.merges)
    load(args.bin, bootstrap, "crm.raw.billing", [("L-bad", {"neither": "op nor schema"})])


def check(args, instances, tokens):
    """Runs the browser; its exit code."""
    settings = {
        "url": f"http://127.0.0.1:{instances[0].port}",
        "tokens": tokens,
        "tools": str(args.tools.resolve()),
        "pictures": str(args.pictures.resolve()),
        "application": APPLICATION,
        "instances": 2,
        "victim": "ror:01rhba952",
        "survivor": "ror:02fctgp09",
    }
    args.pictures.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["node", str(HERE / "console_check.mjs"), json.dumps(settings)],
                          check=False, timeout=CHECK_TIMEOUT_S)
    return done.returncode


def run(args, bootstrap, work):
    install(args.tools)
    key = write_secret(work / "peer.key", secrets.token_hex(32))
    token_file, tokens = make_tokens(work)
    ReadingInstance.token = tokens["reader"]
    options = ["--query.peer.key.file", str(key), "--query.token.file", str(token_file),
               "--crm.mapping", str(args.data / "mapping.json"), "--standby.replicas", "1",
               "--topic.partitions", "2", "--commit.interval.ms", "100"]
    instances = [ReadingInstance(args.bin, bootstrap, work, name,
                                 [*options, "--instance.id", name], APPLICATION)
                 for name in (f"{APPLICATION}-{number}" for number in range(2))]
    try:
        for instance in instances:
            instance.wait_running()
        load_all(args, bootstrap)
        wait_shared(instances)
        code = check(args, instances, tokens)
        codes = [instance.stop() for instance in instances]
        print(f"check={code} stops={codes}", flush=True)
        return 1 if code or any(codes) else 0
    finally:
        for instance in instances:
            if instance.process.poll() is None:
                instance.kill()


def main():
    parser = parser_of(__doc__)
    add_registry(parser)
    parser.add_argument("--tools", type=Path, required=True, help="folder for npm's packages")
    parser.add_argument("--pictures", type=Path, required=True, help="folder for pictures")
    args = parser.parse_args()
    find_registry(args)
    return with_kafka(args.kafka, "console", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
