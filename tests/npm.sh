#!/bin/sh
# Installs what a folder's package.json lists into another folder, once per list of versions: npm.sh FOLDER INTO
set -eu
list=$1/package.json into=$2
if ! cmp -s "$list" "$into/complete"; then
    command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer" >&2; exit 1; }
    mkdir -p "$into"
    rm -rf "$into/complete" "$into/node_modules"
    cp "$list" "$into/package.json"
    npm install --prefix "$into" --no-package-lock --no-audit --no-fund --loglevel=error >&2
    cp "$list" "$into/complete"
fi
