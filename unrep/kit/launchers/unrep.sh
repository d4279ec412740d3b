#!/bin/sh
# Starts this kit's own Python, with the C library that it was built with, from wherever the kit lies.
self=$0
case $self in */*) ;; *) self=./$self ;; esac
[ -L "$self" ] && self=$(readlink -f -- "$self")
kit=$(CDPATH='' cd -- "${self%/*}/.." && pwd -P) || exit 5
if [ ! -f "$kit/kit.json" ]; then
    echo "unrep: $kit: is not complete: unpack the kit again" >&2
    exit 5
elif [ "$(uname -m)" != @MACHINE@ ]; then
    echo "unrep: $kit: is for @MACHINE@, and this machine is $(uname -m): take the kit for it" >&2
    exit 5
elif [ ! -x "$kit/lib/@LOADER@" ]; then
    echo "unrep: $kit: no program may be started there (noexec, or rights were lost): copy the kit to another disk" >&2
    exit 5
fi
exec "$kit/lib/@LOADER@" --inhibit-cache --library-path "$kit/lib" --argv0 "$kit/bin/python3" \
    "$kit/lib/python@PYTHON@/python" -B -X utf8 @WORDS@"$@"
