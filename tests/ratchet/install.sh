#!/bin/sh
# Installs vitest for tests/ratchet, once per version, outside the project; prints its node_modules folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${NIGHTLATCH_TEST_VITEST:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/vitest}
if ! cmp -s "$here/package.json" "$into/complete"; then
    command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer" >&2; exit 1; }
    mkdir -p "$into"
    rm -rf "$into/complete" "$into/node_modules"
    cp "$here/package.json" "$into/package.json"
    npm install --prefix "$into" --no-package-lock --no-audit --no-fund --loglevel=error >&2
    cp "$here/package.json" "$into/complete"
fi
echo "$into/node_modules"
