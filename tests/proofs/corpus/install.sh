#!/bin/sh
# Installs vitest for tests/proofs/corpus, once per version, outside the project; prints its node_modules folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${NIGHTLATCH_TEST_VITEST:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/vitest}
"$here/../../npm.sh" "$here" "$into"
echo "$into/node_modules"
