#!/bin/sh
# Installs the agent CLIs that tests/agents runs, once per list of versions, outside the project; prints their bin folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${NIGHTLATCH_TEST_AGENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/agents}
if ! cmp -s "$here/package.json" "$into/complete"; then
    command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer" >&2; exit 1; }
    mkdir -p "$into"
    rm -rf "$into/complete" "$into/node_modules"
    cp "$here/package.json" "$into/package.json"
    npm install --prefix "$into" --no-package-lock --no-audit --no-fund --loglevel=error >&2
    cp "$here/package.json" "$into/complete"
fi
echo "$into/node_modules/.bin"
