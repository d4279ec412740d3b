"""Whom a site trusts: what it was given once, and what bundles have taught it since. spec/trust.md, section 6.

A site that was given a plain key keeps nothing: --trust names the key each time, until it names a trust root. Any other
keeps its chain in SITE/.unrep/trust/, and from then on that decides, whatever --trust says.
"""

from contextlib import suppress
from dataclasses import replace

from apply.errors import AboardError, SiteInvalid
from apply.site import durable
from apply.site.guarded import check_site
from apply.site.layout import Site
from apply.site.lock import site_lock
from bundle.errors import InputError, Refused, Untrusted
from bundle.format import canonical
from bundle.host.files import read_plain
from bundle.trust.trust import Trust, trust_of
from bundle.trust.trust_file import MAX_TRUST_FILE_BYTES, decode_trust_file


def site_trust(site: Site, given: Trust | None) -> Trust:
    """Whom the site trusts now, with what `given` adds to what it keeps [R-11].

    Raises InputError if neither is there, Untrusted if `given` is not of the chain that the site follows.
    """
    kept = kept_trust(site)
    if kept is None:
        if given is None:
            raise InputError(f"{site.root}: keeps no trust root yet; name with --trust whom to trust")
        return given
    if given is None:
        return kept
    if not given.chain and not kept.descends_from(given):
        raise Untrusted(_stranger(site, kept))
    return _learned(site, kept, given)


def _learned(site: Site, kept: Trust, given: Trust) -> Trust:
    try:
        learned = kept.following(given.file().links) if given.chain else kept
    except Untrusted as error:
        raise Untrusted(f"{_stranger(site, kept)} ({error})") from error
    offered, known = given.revocations, learned.revocations
    if offered and (known is None or offered.listed.version > known.listed.version):
        return learned.informed_of(offered.signed)
    return learned


def learning(site: Site, trust: Trust, command: str) -> Trust:
    """The trust that makes the site keep what each header teaches, whatever becomes of the release [R-11].

    Whoever verifies with it may get StorageFailed, SiteBusy, SiteInvalid or Unguarded. `command`: who learns, for the
    site's lock.
    """

    def learn(taught: Trust, refused: bool) -> None:
        if _is_news(site, taught):
            check_site(site)
            site.make_directories()
            with site_lock(site, command):
                keep(site, taught)

    return replace(trust, learn=learn)


def taking_in(site: Site, given: Trust | None, command: str) -> Trust:
    """Whom the site trusts, as `site_trust` has it, and learning; what `given` adds to what it keeps is kept at once,
    whatever becomes of the bundle beside which it was named [R-11]. Raises as these two."""
    trust = learning(site, site_trust(site, given), command)
    if given and trust.learn and kept_trust(site):
        trust.learn(trust, False)
    return trust


def learning_from_refused(site: Site, trust: Trust, command: str) -> Trust:
    """The same for a command that leaves the site as it is: what a bundle that is accepted teaches comes with it, and
    is kept when that is applied. Where the site cannot be written, or keeps nothing yet, nothing is kept."""
    keeper = learning(site, trust, command).learn

    def learn(taught: Trust, refused: bool) -> None:
        with suppress(AboardError):
            if refused and keeper and kept_trust(site):
                keeper(taught, refused)

    return replace(trust, learn=learn)


def keep(site: Site, trust: Trust) -> None:
    """Makes durable what a verified bundle taught; never less than is kept already. Raises StorageFailed."""
    if not _is_news(site, trust):
        return
    path = site.trust_file
    if not path.parent.is_dir():
        with durable.storage_errors(path.parent):
            path.parent.mkdir()
        durable.sync_directory(path.parent.parent)
    durable.write_file(path, canonical.encode(trust.file()))


def kept_trust(site: Site) -> Trust | None:
    """What the site keeps, verified link by link; None if it keeps nothing. Raises StorageFailed or SiteInvalid."""
    path = site.trust_file
    with durable.storage_errors(path):
        if not path.exists():
            return None
        data = read_plain(path, MAX_TRUST_FILE_BYTES + 1)
    try:
        return trust_of(decode_trust_file(data))
    except Refused as error:
        raise SiteInvalid(
            f"{path}: damaged ({error}); put back a backup of it, or remove it and name with --trust whom to trust"
        ) from error


def _is_news(site: Site, trust: Trust) -> bool:
    kept = kept_trust(site)
    return bool(trust.chain) and (kept is None or _is_ahead(trust, kept))


def _is_ahead(trust: Trust, kept: Trust) -> bool:
    """Whether it has all of what is kept, and more."""
    new, old = _versions(trust), _versions(kept)
    return new != old and all(a >= b for a, b in zip(new, old, strict=True))


def _versions(trust: Trust) -> tuple[int, int]:
    return trust.root.version, trust.revocations.listed.version if trust.revocations else 0


def _stranger(site: Site, kept: Trust) -> str:
    return (
        f"--trust: the site follows trust root {kept.root.version}, which does not come from there; leave --trust out, "
        f"or remove {site.trust_file} to trust anew"
    )
