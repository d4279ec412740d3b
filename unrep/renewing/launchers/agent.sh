#!/bin/sh
# Written by 'unrep agent install', which writes it anew. Starts the agent of a site in the unrep that is current.
home=$(CDPATH='' cd -- "${0%/*}/.." && pwd -P) || exit 5
exec "$home/current/bin/unrep" agent "$@"
