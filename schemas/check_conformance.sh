#!/bin/sh
# Compares every schema with its last committed version that differs from it, and fails on a change
# that old readers or old data could not live with:
#   - what `flatc --conform` refuses (a type, default or position that changed),
#   - a table, enum, field or enum value that is gone (flatc lets this pass, and the next field
#     added would then take over the place of the lost one),
#   - a schema file that is gone.
#
# usage: check_conformance.sh [DIR]   DIR holds the .fbs files; default: this folder.
# The committed versions always come from the git history of this folder.
# Exit: 0 conforms, 1 does not, 77 there is no history to compare with.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
schemas=$(cd "${1:-$here}" && pwd)

if ! git -C "$here" rev-parse --quiet --verify HEAD >/dev/null 2>&1; then
  echo "skipped: no git history, so there is no committed version to compare with"
  exit 77
fi
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT

# Names that a schema declares, one a line: Table.field, Enum.Value. The schemas here keep one
# declaration a line.
declared_names() {
  sed 's,//.*,,' "$1" | awk '
    $1 == "table" || $1 == "enum" || $1 == "struct" || $1 == "union" { owner = $2; next }
    /}/ { owner = "" }
    owner != "" && match($0, /[A-Za-z_][A-Za-z0-9_]*/) {
      print owner "." substr($0, RSTART, RLENGTH)
    }' | sort
}

# Writes the newest committed version of $1 that differs from the one at hand; false if none does.
last_different_version() {
  for commit in $(git -C "$here" log --format=%H -n 50 HEAD -- "$1"); do
    git -C "$here" show "$commit:./$1" >"$before/$1" 2>/dev/null || continue
    if ! cmp -s "$before/$1" "$schemas/$1"; then return 0; fi
  done
  return 1
}

failed=0
compared=0
for name in $(git -C "$here" ls-tree --name-only HEAD ./ | grep '\.fbs$'); do
  if [ ! -f "$schemas/$name" ]; then
    echo "$name: committed before, gone now"
    failed=1
    continue
  fi
  last_different_version "$name" || continue
  compared=$((compared + 1))
  if ! flatc --conform "$before/$name" --conform-includes "$schemas" \
       -I "$schemas" "$schemas/$name" >"$before/report" 2>&1; then
    sed "s,^,$name: ," "$before/report"
    failed=1
  fi
  declared_names "$before/$name" >"$before/names_before"
  declared_names "$schemas/$name" >"$before/names_now"
  lost=$(comm -23 "$before/names_before" "$before/names_now")
  if [ -n "$lost" ]; then
    echo "$name: gone: $(echo "$lost" | tr '\n' ' ')"
    failed=1
  fi
done
[ "$failed" -eq 0 ] || exit 1
echo "schemas conform; $compared differ from an earlier committed version"
