#!/bin/sh
# Written by 'unrep agent install', which writes it anew. Starts the unrep that is current.
self=$0
[ -L "$self" ] && self=$(readlink -f -- "$self")
home=$(CDPATH='' cd -- "${self%/*}/.." && pwd -P) || exit 5
exec "$home/current/bin/unrep" "$@"
