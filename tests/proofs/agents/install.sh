#!/bin/sh
# Installs the agent CLIs that tests/proofs/agents runs, once per list of versions, outside the project; prints their bin folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${NIGHTLATCH_TEST_AGENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/agents}
"$here/../../npm.sh" "$here" "$into"
echo "$into/node_modules/.bin"
