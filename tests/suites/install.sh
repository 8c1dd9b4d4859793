#!/bin/sh
# Installs what tests/edge/test_more_runners.py runs and no other test does: Debian's runners, and those from npm outside the project.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${NIGHTLATCH_TEST_RUNNERS:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/runners}
missing=
for pair in rspec:ruby-rspec ruby:ruby-minitest rake:rake phpunit:phpunit mix:elixir bats:bats ctest:cmake; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi
"$here/../npm.sh" "$here" "$into"
echo "$into/node_modules"
