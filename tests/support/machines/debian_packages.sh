#!/bin/sh
# Installs the Debian packages that some tests need; `make test` calls it. It never fails the run: where it can do
# nothing it says so, and the tests that miss a program skip and say so too.
#
# One "program:package" a word, or just "package" where both have one name or no program shows it; other words may be
# given.
needed=${*:-nginx:nginx-light git strace mkfs.btrfs:btrfs-progs mkfs.xfs:xfsprogs mkntfs:ntfs-3g \
    mkfs.ext4:e2fsprogs systemd-analyze:systemd gzip zip pigz zopfli 7z:p7zip-full node:nodejs go:golang-go \
    mkfs.exfat:exfatprogs mount.exfat-fuse:exfat-fuse libdeflate-gzip:libdeflate-tools psql:postgresql chromium}

PATH=$PATH:/usr/sbin:/sbin
missing=
for pair in $needed; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

give_up() {
    echo "MISSING:$missing. $1 What needs them is left out." >&2
    exit 0
}

command -v apt-get >/dev/null 2>&1 || give_up "There is no apt-get here: install them by hand."
[ "$(id -u)" -eq 0 ] || give_up "You are not root: run 'sudo apt-get install$missing'."

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
install() { apt-get -o DPkg::Lock::Timeout=120 install -y -q --no-install-recommends $missing; }
log=$(install 2>&1) || log=$(apt-get update -q 2>&1 && install 2>&1) || {
    printf '%s\n' "$log" | tail -n 5 >&2
    give_up "apt-get could not install them."
}
exit 0
