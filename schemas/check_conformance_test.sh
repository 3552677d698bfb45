#!/bin/sh
# Shows that check_conformance.sh lets an added field pass and refuses each kind of breaking change.
# Exit: 0 it does, 1 it does not, 77 there is no git history.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
if ! git -C "$here" rev-parse --quiet --verify HEAD:./merge_fact.fbs >/dev/null 2>&1; then
  echo "skipped: no git history, so there is no committed version to break"
  exit 77
fi

# expect STATUS WHAT: runs the check on the changed copy, then takes a fresh one.
expect() {
  status=0
  "$here/check_conformance.sh" "$copy" >"$copy/report" 2>&1 || status=$?
  if [ "$status" -ne "$1" ]; then
    echo "$2: expected exit $1, got $status"
    cat "$copy/report"
    exit 1
  fi
  echo "ok: $2"
  fresh_copy
}
fresh_copy() {
  rm -f "$copy"/*.fbs
  cp "$here"/*.fbs "$copy"
}

fresh_copy
sed -i 's/^  authority: .*;/&\n  added: int;/' "$copy/merge_fact.fbs"
expect 0 "a field added at the end conforms"
sed -i 's/^  survivor: string;/  survivor: int;/' "$copy/merge_fact.fbs"
expect 1 "a changed type is refused"
sed -i 's/^  survivor: string;/  added: int;\n&/' "$copy/merge_fact.fbs"
expect 1 "a field added in the middle is refused"
sed -i '/^  authority: /d' "$copy/merge_fact.fbs"
expect 1 "a lost last field is refused"
sed -i 's/^  Split$/  Halved/' "$copy/merge_fact.fbs"
expect 1 "a lost enum value is refused"
rm "$copy/redirect.fbs"
expect 1 "a lost schema is refused"
