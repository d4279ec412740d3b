#!/bin/sh
# Ends with 0 where PYTHON, the one argument, can make a virtual environment for unrep. As root on Debian it installs
# what is missing; else one sentence says what to do. `make` calls it before it makes `.venv`.
python=${1:-python3}
case $python in
    python3) packages="python3 python3-venv" ;;
    *) packages=$(basename "$python")-venv ;;
esac

can_make_one() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

# shellcheck disable=SC2086
can_make_one || [ "$(id -u)" -ne 0 ] || sh "$(dirname "$0")/debian_packages.sh" $packages

if ! command -v "$python" >/dev/null 2>&1; then
    why="there is no $python"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    why="$("$python" --version) is too old"
elif ! can_make_one; then
    why="$python cannot make a virtual environment"
else
    exit 0
fi
echo "unrep needs Python 3.11 or newer, with venv, and $why: on Debian run 'sudo apt-get install $packages'," \
    "elsewhere set PYTHON=" >&2
exit 1
