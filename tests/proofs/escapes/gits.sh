#!/bin/bash
# Unpacks the git of two newer Debian releases, each with the libraries that it was built for, outside the project; prints their paths.
set -euo pipefail
into=${NIGHTLATCH_TEST_GITS:-${XDG_CACHE_HOME:-$HOME/.cache}/nightlatch-tests/gits}
from=$(apt-get indextargets --format '$(REPO_URI)' | head -n 1)
if [ $# -eq 0 ]; then
  for suite in trixie sid; do
    "$0" "$suite" || echo "the git of $suite cannot be had here" >&2
  done
  exit
fi
suite=$1
place=$into/$suite
if [ ! -x "$place/bin/git" ]; then
  mkdir -p "$place"/{lists/partial,archives/partial,root,exec,made}
  echo "deb $from $suite main" >"$place/sources.list"
  apt=(apt-get -qq -o Dir::Etc::SourceList="$place/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$place/lists"
    -o Dir::Cache="$place" -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2
  (cd "$place/archives" && "${apt[@]}" download git libc6 libpcre2-8-0 zlib1g >&2)
  for package in "$place"/archives/*.deb; do dpkg -x "$package" "$place/root"; done
  libraries=$(dirname "$(find "$place/root/usr/lib" -name 'libc.so.6' | head -n 1)")
  loader=$(find "$libraries" -name 'ld-linux*.so*' | head -n 1)
  cat >"$place/made/git" <<WRAPPER
#!/bin/sh
export GIT_EXEC_PATH='$place/exec'
exec '$loader' --library-path '$libraries' --argv0 "\$(basename "\$0")" '$place/root/usr/bin/git' "\$@"
WRAPPER
  chmod +x "$place/made/git"
  # What git starts by way of its exec path is this git too, by whatever name.
  for tool in "$place"/root/usr/lib/git-core/*; do
    own=$tool
    if [ -f "$tool" ] && cmp -s "$tool" "$place/root/usr/bin/git"; then own=$place/bin/git; fi
    ln -sf "$own" "$place/exec/$(basename "$tool")"
  done
  rm -rf "$place/lists" "$place/archives"
  mv "$place/made" "$place/bin"
fi
echo "$place/bin/git"
