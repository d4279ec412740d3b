#!/bin/sh
# uninstall.sh [DIRECTORY]: takes away what install.sh made. Sites stay as they are, and so does this folder.
to=${1:-/usr/local/bin}
kit=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 5
if [ "$(readlink -f -- "$to/unrep")" != "$kit/bin/unrep" ]; then
    echo "$to/unrep: does not start this kit, and stays"
    exit 0
fi
rm -f -- "$to/unrep" || exit 5
echo "$to/unrep: removed. Agents that are services stay; $kit can be removed once none of them runs from it"
