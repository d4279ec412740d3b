#!/bin/sh
# install.sh [DIRECTORY]: puts `unrep` into a directory of the PATH, as a link into this kit. It asks nothing, and can
# be run again, also from a newer kit.
to=${1:-/usr/local/bin}
kit=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 5
"$kit/bin/unrep" --version || { echo "unrep: nothing was installed" >&2; exit 5; }
# A link to a kit is replaced, and one to a kit that has gone. All else is somebody's.
is_ours() {
    [ -L "$1" ] || return 1
    leads=$(readlink -- "$1") found=$(readlink -f -- "$1")
    case $leads in */bin/unrep) [ -e "$1" ] || return 0 ;; esac
    case $found in */bin/unrep) [ -f "${found%/bin/unrep}/kit.json" ] ;; *) false ;; esac
}
if { [ -e "$to/unrep" ] || [ -L "$to/unrep" ]; } && ! is_ours "$to/unrep"; then
    echo "unrep: $to/unrep: is there, and starts no kit: move it away, or name another directory" >&2
    exit 5
fi
ln -sfn -- "$kit/bin/unrep" "$to/unrep" || exit 5
echo "$to/unrep: starts it. Next: unrep init SITE"
