#!/usr/bin/env bash
# Faults under load, compared with an oracle: see README.md and --help.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly HERE

# Mounts of a namespace of its own go with its last process, however that ends.
if unshare --mount true 2>/dev/null; then
  exec unshare --mount python3 "$HERE/run.py" --mounts "$@"
elif unshare --user --map-root-user --mount true 2>/dev/null; then
  exec unshare --user --map-root-user --mount python3 "$HERE/run.py" --mounts "$@"
fi
exec python3 "$HERE/run.py" "$@"
