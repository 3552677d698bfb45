"""Accounts on a raw topic as Salesforce's events, and the flags of an instance that reads them. The
name of an account is the version that was written last."""

import json
import secrets
import subprocess

RAW = "crm.raw.sf"


def sf_id(number):
    """Of digits only, so the suffix says that no letter is upper-case."""
    return f"001{number:012d}AAA"


def event(number, version):
    return {"ChangeEventHeader": {
        "entityName": "Account", "recordIds": [sf_id(number)],
        "changeType": "CREATE" if version == 1 else "UPDATE",
        "transactionKey": f"t-{number}-{version}", "sequenceNumber": 1,
        "commitTimestamp": 1_700_000_000_000 + version}, "Name": str(version)}


def send(bootstrap, partition, number, version):
    """Returns when the record is acknowledged."""
    subprocess.run(["kcat", "-P", "-b", bootstrap, "-t", RAW, "-p", str(partition), "-X",
                    "acks=all"], input=json.dumps(event(number, version)).encode(), check=True,
                   timeout=60)


def options_for(work, partitions):
    """Flags for instances that share a key of their own; their files go into `work`."""
    peers = work / "peer.key"
    peers.touch(mode=0o600)
    peers.write_text(secrets.token_hex(32), encoding="ascii")
    mapping = work / "mapping.json"
    mapping.write_text(json.dumps({"topics": {RAW: {
        "format": "salesforce_cometd", "source": "sf",
        "entities": {"Account": {"type": "account", "fields": {"Name": "name"}}}}}}),
        encoding="utf-8")
    return ["--crm.mapping", str(mapping), "--topic.partitions", str(partitions),
            "--query.peer.key.file", str(peers)]
