#!/bin/bash
# check_breaking.sh BUF: compares the contract with the one that others have already: origin/main where this commit is
# ahead of it, else the commit before. A clone of one commit has nothing to compare with.
set -euo pipefail
buf=$1

base=$(git merge-base HEAD origin/main 2>/dev/null || true)
if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD 2>/dev/null)" ]; then
    base=$(git rev-parse --verify --quiet HEAD~1 || true)
fi
if [ -z "$base" ] || ! git cat-file -e "$base:protos" 2>/dev/null; then
    echo "buf breaking: skipped, there is no earlier contract to compare with"
    exit 0
fi

earlier=$(mktemp -d)
trap 'rm -rf "$earlier"' EXIT
git archive "$base" buf.yaml protos | tar -x -C "$earlier"
"$buf" breaking --against "$earlier"
