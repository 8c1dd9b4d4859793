#!/bin/sh
# Makes the environment: a virtual environment with pinned packages, quietly, and at once when it is already there.
# With arguments it then runs them in that environment, in the caller's folder.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=$here/.venv

want=$(cksum "$here/requirements.txt" "$here/pyproject.toml" "$here/init.sh" | cut -d' ' -f1,2 | tr '\n' ' ')$here
have=$(cat "$venv/.made-from" 2>/dev/null || true)
if [ "$want" != "$have" ]; then
  python=$(command -v python3) || { echo "init.sh: python3 (3.11 or newer) is needed: install it and run this again" >&2; exit 1; }
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "init.sh: $python is older than 3.11: put a newer python3 first on PATH and run this again" >&2; exit 1; }
  rm -rf "$venv"
  "$python" -m venv "$venv" || { echo "init.sh: python3 cannot make a virtual environment: install its venv package (python3-venv)" >&2; exit 1; }
  install() {
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-warn-script-location "$@" >&2 ||
      { echo "init.sh: pip could not install what is needed (its words are above): mend that and run this again" >&2; exit 1; }
  }
  install -r "$here/requirements.txt"
  install --no-deps -e "$here"
  printf '%s' "$want" > "$venv/.made-from"
fi

[ $# -gt 0 ] || exit 0
PATH=$venv/bin:$PATH VIRTUAL_ENV=$venv exec "$@"
