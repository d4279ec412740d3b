#!/bin/sh
# Installs the Debian packages that some tests need; `make test` calls it. It never fails the run: where it can do
# nothing it says so, and the tests that miss a program skip and say so too.
#
# One "program:package" a word; other words may be given.
needed=${*:-nginx:nginx-light git:git strace:strace mkfs.btrfs:btrfs-progs mkfs.xfs:xfsprogs mkntfs:ntfs-3g}

PATH=$PATH:/usr/sbin:/sbin
missing=
for pair in $needed; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

skipped() {
    echo "SKIPPED: tests that need$missing: $1" >&2
    exit 0
}

command -v apt-get >/dev/null 2>&1 || skipped "no apt-get here; install them by hand"
[ "$(id -u)" -eq 0 ] || skipped "not root; run 'sudo apt-get install$missing'"

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
install() { apt-get install -y -q --no-install-recommends $missing; }
log=$(install 2>&1) || log=$(apt-get update -q 2>&1 && install 2>&1) || {
    printf '%s\n' "$log" | tail -n 5 >&2
    skipped "apt-get could not install them"
}
exit 0
