#!/bin/sh
# Installs what tests/io/suite/test_more_runners.py, tests/proofs/verdict/test_harness.py and tests/proofs/registries/test_registries.py run and no other test does:
# Debian's runners, and programs from npm and pip outside the project.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${NIGHTLATCH_TEST_RUNNERS:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/runners}
missing=
for pair in rspec:ruby-rspec ruby:ruby-minitest rake:rake phpunit:phpunit mix:elixir bats:bats ctest:cmake composer:composer; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi
tools='tox==4.67.15 nox==2026.10.20 rust-just==1.59.0 uv==0.13.9'
if [ "$(cat "$into/python/made-of" 2>/dev/null)" != "$tools" ]; then
    rm -rf "$into/python"
    python3 -m venv "$into/python"
    # shellcheck disable=SC2086  # a list of packages
    "$into/python/bin/pip" install -q --disable-pip-version-check $tools
    echo "$tools" >"$into/python/made-of"
fi
"$here/../../npm.sh" "$here" "$into"
ln -sf ../yarn/bin/yarn.js "$into/node_modules/.bin/yarn" # Yarn 4 is started by this one, where a project says so
echo "$into/node_modules"
