"""The arguments that the tests of this folder share."""

import argparse
import os
from pathlib import Path


def parser_of(description):
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--kafka", type=Path, required=True, help="the script of a local Kafka")
    return parser


def add_registry(parser):
    parser.add_argument("--data", type=Path, required=True,
                        help="overridden by MILLRACE_REGISTRY_DATA, the folder of a larger history")


def find_registry(args):
    """Sets args.changes and args.merges to the files of the history."""
    args.data = Path(os.environ.get("MILLRACE_REGISTRY_DATA", args.data))
    args.changes = next(args.data.glob("*.jsonl.gz"))
    args.merges = next(args.data.glob("*merges.csv"))
