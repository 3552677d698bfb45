#!/usr/bin/env python3
"""Shows that the document at /v1/openapi.json is true, on crm_materializer over a real Kafka.

Schemathesis makes requests from the document, sound and unsound ones: every status has to be a
documented one, every body of the documented form, and the program has to live on. A client that a
generator makes from the document has to read accounts and rows.

    openapi_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --data DIR --tools DIR

It installs both tools from PyPI into the folder --tools, in the versions of
openapi_requirements.txt, unless they are there.
"""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from arguments import add_registry, find_registry, parser_of
from compare import Report
from oracle import Expected
from process import Instance, load_registry, with_kafka

REQUIREMENTS = Path(__file__).with_name("openapi_requirements.txt")
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_schema_conformance", "unsupported_method"]
# They would end the test's own program or its work.
EXCLUDED = ["/v1/drain", "/v1/pause"]
# Answers without an end; a tool would wait for it.
STREAMS = ["/v1/accounts/{id}/changes", "/v1/stores/{store}/changes",
           "/v1/stores/{store}/indexes/{index}/changes", "/v1/changes/accounts",
           "/v1/changes/entitlements"]
PIP_TIMEOUT_S = 300
REQUESTS_TIMEOUT_S = 240


def install(tools):
    """The folder of the tools' programs."""
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    stamp = tools / "installed.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(tools)], check=True,
                       timeout=PIP_TIMEOUT_S)
        subprocess.run([str(tools / "bin/pip"), "install", "--quiet", "--requirement",
                        str(REQUIREMENTS)], check=True, timeout=PIP_TIMEOUT_S)
        stamp.write_text(wanted, encoding="utf-8")
    return tools / "bin"


def check_requests(tools, url, work, seed, report):
    command = [str(tools / "schemathesis"), "run", f"{url}/v1/openapi.json", "--max-examples",
               "25", "--checks", ",".join(CHECKS), "--request-timeout", "20", "--seed", str(seed),
               "--no-color"]
    for path in EXCLUDED + STREAMS:
        command += ["--exclude-path", path]
    # Schemathesis writes its cache into the folder where it runs.
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False,
                          timeout=REQUESTS_TIMEOUT_S)
    print("\n".join(done.stdout.splitlines()[-12:]), flush=True)
    if done.returncode != 0:
        report.add("wrong", done.stdout[-6000:] + done.stderr[-2000:])


def check_client(tools, url, work, name, root, report):
    """`name` is a part of the account `root`."""
    made = work / "crm_client"
    subprocess.run([str(tools / "openapi-python-client"), "generate", "--url",
                    f"{url}/v1/openapi.json", "--output-path", str(made), "--meta", "none"],
                   check=False, capture_output=True, timeout=120)
    program = textwrap.dedent("""
        import json, sys
        from crm_client import Client
        from crm_client.api.default import (get_v1_accounts_id, get_v1_stores_store_rows,
                                            get_v1_token, post_v1_accounts)
        from crm_client.models import GetV1StoresStoreRowsStore, PostV1AccountsBody
        url, name = sys.argv[1:]
        client = Client(base_url=url, raise_on_unexpected_status=True)
        account = get_v1_accounts_id.sync(name, client=client)
        batch = post_v1_accounts.sync(client=client, body=PostV1AccountsBody(ids=[name]))
        rows = get_v1_stores_store_rows.sync(GetV1StoresStoreRowsStore("account-states"),
                                             client=client, limit=3)
        states = [row["value"]["root"] == row["key"] for row in rows["rows"]]
        token = get_v1_token.sync(client=client, topic="crm.accounts", partition=0, offset=0)
        again = get_v1_accounts_id.sync(name, client=client, min_position=token["token"])
        print(json.dumps([account["root"], batch["accounts"][0]["account"]["root"],
                          states, again["root"]]))
        """)
    done = subprocess.run([str(tools / "python"), "-c", program, url, name], cwd=work, text=True,
                          capture_output=True, check=False, timeout=60)
    if done.returncode != 0 or json.loads(done.stdout) != [root, root, [True] * 3,
                                                                      root]:
        report.add("wrong", f"the generated client: {done.stdout} {done.stderr}")


def run(args, bootstrap, work):
    report, expected = Report(), Expected(args.changes, args.merges)
    tools = install(args.tools)
    instance = Instance(args.bin, bootstrap, work, "crm-openapi")
    try:
        load_registry(args.bin, bootstrap, args.changes, args.merges)
        instance.wait_caught_up()
        url = f"http://127.0.0.1:{instance.port}"
        check_requests(tools, url, work, args.seed, report)
        name = min(expected.redirects)
        check_client(tools, url, work, name, expected.root(name), report)
        if instance.get("/v1/health")[0] != 200:
            report.add("wrong", "the program does not run any more")
        if code := instance.stop():
            report.add("wrong", f"an orderly stop exits with {code}")
        if "query failed" in (work / "crm-openapi.log").read_text(encoding="utf-8"):
            report.add("wrong", "a query failed, see the log")
    finally:
        if instance.process.poll() is None:
            instance.kill()
    print(f"wrong={report.counts['wrong']}", flush=True)
    return 0 if not report.counts else 1


def main():
    parser = parser_of(__doc__)
    add_registry(parser)
    parser.add_argument("--tools", type=Path, required=True, help="folder for schemathesis")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    find_registry(args)
    return with_kafka(args.kafka, "openapi", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
