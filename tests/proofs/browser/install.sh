#!/bin/sh
# Installs what looks at the pages in tests/proofs/browser, once per list of versions, outside the project; the browser is the machine's chromium.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${NIGHTLATCH_TEST_PAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/pages}
"$here/../../npm.sh" "$here" "$into"
echo "$into/node_modules"
