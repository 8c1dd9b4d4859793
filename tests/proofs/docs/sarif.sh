#!/bin/sh
# Installs SARIF's own validator from npm, once, outside the project; prints where it is.
set -eu
into=${NIGHTLATCH_TEST_SARIF:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/sarif}
package=@microsoft/sarif-multitool-linux version=5.7.0
program=$into/node_modules/$package/Sarif.Multitool
if [ "$(cat "$into/version" 2>/dev/null)" != "$version" ]; then
    mkdir -p "$into"
    npm install --prefix "$into" --no-package-lock --no-audit --no-fund --loglevel=error "$package@$version" >&2
    chmod +x "$program"
    echo "$version" > "$into/version"
fi
echo "$program"
