#!/bin/sh
# Written by 'unrep agent install', which writes it anew. Renews unrep, by one round of its own site.
#
#   renew SITE SECONDS    SITE is the ship's, whose agent is renewed; after SECONDS of life a version is good
#
# The round runs in the version that is good, and never in the one on trial: it judges in old code, and what it does
# cannot end it. Whatever ends it, the next round goes on.
home=$(CDPATH='' cd -- "${0%/*}/.." && pwd -P) || exit 5
launch=$home/launch site=$1 seconds=$2
patience=300  # for a version that is asked what it is, and may hang

ask() {
    version=$1
    shift
    timeout -k 10 "$patience" "$home/versions/$version/bin/unrep" "$@" 2>/dev/null
}
current() {
    found=$(readlink -- "$home/current") && printf '%s\n' "${found##*/}"
}
is_whole() {
    [ -n "$1" ] && [ -f "$home/versions/$1/kit.json" ] && ask "$1" agent --probe >/dev/null
}
now=$(current)
good=
IFS= read -r good 2>/dev/null < "$launch/good"
case $good in */* | .*) good= ;; esac
by=$good
if [ ! -f "$home/versions/$good/kit.json" ] || ! ask "$good" --version >/dev/null; then
    # Lost, spoiled, or names what is gone: any other version than the one that may be on trial, then that one.
    by=
    for tree in "$home"/versions/*; do
        other=${tree##*/}
        [ "$other" != "$now" ] && [ -z "$by" ] && is_whole "$other" && by=$other
    done
    [ -n "$by" ] || by=$now
fi
unrep=$home/versions/$by/bin/unrep
"$unrep" agent --once --site "$home"
code=$?
now=$(current)
case $code in 0 | 8) ;; *) exit $code ;; esac
if [ "$now" = "$good" ]; then
    rm -f "$launch/misses"
    exit $code
fi
# What is stranded (8) runs well. What is on trial is neither good nor bad yet: the next round goes on with it.
shown=$(ask "$by" status --site "$home" --no-health --json)
case $?:$shown in
    [08]:*'"state": "ok"'*) ;;
    [08]:*) exit $code ;;
    *) exit 7 ;;
esac
if ask "$now" agent --site "$site" --alive "$seconds" >/dev/null; then
    printf '%s\n' "$now" > "$launch/good.new" && sync "$launch/good.new" && mv -f "$launch/good.new" "$launch/good"
    rm -f "$launch/misses"
elif ask "$now" agent --site "$site" --alive 0 >/dev/null; then
    rm -f "$launch/misses"
else
    misses=
    IFS= read -r misses 2>/dev/null < "$launch/misses"
    case $misses in 1 | 2) misses=$((misses + 1)) ;; *) misses=1 ;; esac
    printf '%s\n' "$misses" > "$launch/misses"
    if [ "$misses" = 3 ] && [ -n "$good" ] && [ "$by" = "$good" ]; then
        echo "renew: the agent of $now does not live; going back to $good" >&2
        rm -f "$launch/misses"
        exec "$unrep" rollback --to "$good" --site "$home"
    fi
fi
exit $code
