#!/usr/bin/env bash
# The README's words on a stock system, as its user pat: a new root by debootstrap, the packages that the README names for it, then the
# demo in a clone, the installation by pipx, and the evening's commands in a repository of pat's own. As root.
#
#   tests/proofs/readme/stock.sh [SUITE [MIRROR [KEYRING]]]     default: Debian 12
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
suite=${1:-bookworm} mirror=${2:-http://deb.debian.org/debian} keyring=${3:-}
work=$(mktemp -d)
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT
scripts=/usr/share/debootstrap/scripts
script=$scripts/$suite; [ -e "$script" ] || script=$scripts/gutsy # what every later Ubuntu is made by

# inside USER COMMAND: in the root as the whole of what there is, with the sandbox's system calls as on any machine
inside() {
  unshare --mount --pid --fork bash -euc '
    root=$1 user=$2
    mount --make-rprivate / && mount --bind "$root" "$root"
    mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev"
    mkdir -p "$root/old" && cd "$root" && pivot_root . old && umount -l /old
    exec su - "$user" -c "$3"' inside "$root" "$1" "$2"
}

echo "stock: $suite from $mirror"
debootstrap --variant=minbase ${keyring:+--keyring="$keyring"} "$suite" "$root" "$mirror" "$script" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
case $mirror in *ubuntu*) echo "deb $mirror $suite main universe" >"$root/etc/apt/sources.list" ;; esac
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
[ ! -e /etc/pip.conf ] || cp -L /etc/pip.conf "$root/etc/"
packages=$(sed -n 's/^sudo apt install \([^#]*\).*/\1/p' "$here/README.md")
[ -n "$packages" ]
echo "stock: apt install $packages"
inside root "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $packages >/dev/null 2>&1"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt" # whoever this machine trusts
inside root "useradd --create-home --shell /bin/bash pat"
git clone -q --no-hardlinks "$here" "$root/home/pat/nightlatch"
chown -R --reference="$root/home/pat" "$root/home/pat/nightlatch"

[ "$(sed -n '/^```sh$/,/^```$/p' "$here/README.md" | sed -n 2p | sed 's/ *#.*//')" = "./init.sh python loop.py demo" ]
inside pat "cd nightlatch && ./init.sh python loop.py demo" >"$work/demo.txt" 2>&1 || { cat "$work/demo.txt"; exit 1; }
grep -q "passing=3/3 landed=3" "$work/demo.txt"
grep -q "pipx install /home/pat/nightlatch" "$work/demo.txt"
grep -q "There is no sandbox" "$work/demo.txt" && { echo "stock: no sandbox where the README promises one"; exit 1; }
echo "stock: the demo landed 3 of 3, in the sandbox"

cat >"$root/home/pat/night.sh" <<'NIGHT'
set -eu
cd ~/nightlatch && pipx install . >/dev/null 2>&1
git config --global user.name Pat; git config --global user.email pat@example.org
mkdir ~/books && cd ~/books && git init -q
printf 'def total(prices):\n    return sum(prices)\n' > books.py
printf '#!/bin/sh\nprintf "\\ndef vat(net):\\n    return net * 19 / 100\\n" >> books.py\n' > ~/agent.sh && chmod +x ~/agent.sh
cat > prd.json <<'PLAN'
{"userStories": [{"id": "US-1", "title": "VAT of an order", "passes": false, "verify": "python3 -c 'import books; assert books.vat(100) == 19'"}]}
PLAN
git add . && git commit -qm books
nightlatch=~/.local/bin/nightlatch # a shell that was open before does not have it on PATH
$nightlatch init --commit
sed -i 's/^agent = .*claude.*/agent = ["mine"]/' loop.toml; printf '\n[agents.mine]\ncommand = ["%s/agent.sh"]\n' "$HOME" >> loop.toml
git commit -qam "my agent"
$nightlatch doctor
python3 loop.py
git log -1 --format=%s --grep=US-1
NIGHT
inside pat "bash night.sh" >"$work/night.txt" 2>&1 || { cat "$work/night.txt"; exit 1; }
grep -q "passing=1/1 landed=1" "$work/night.txt"
echo "stock: installed by pipx, a feature of pat's own repository landed"
