"""Whom a site trusts: what it was given once, and what bundles have taught it since. spec/trust.md, section 6.

A site that was given a plain key saves nothing: --trust names the key each time, until it names a trust root. Any other
site saves its chain of trust roots in SITE/.unrep/trust/. From then on that chain decides, whatever --trust says.
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
from bundle.host import presence
from bundle.host.files import read_plain
from bundle.trust.trust import Trust, load_trust, trust_of
from bundle.trust.trust_file import MAX_TRUST_FILE_BYTES, decode_trust_file


def site_trust(site: Site, given: Trust | None) -> Trust:
    """Whom the site trusts now: its saved trust with what `given` adds [R-11].

    Raises InputError if neither is there, Untrusted if `given` is not of the chain that the site follows.
    """
    saved = saved_trust(site)
    if saved is None:
        if given is None:
            raise InputError(f"{site.root}: has no trust root yet; name with --trust whom to trust")
        return given
    if given is None:
        return saved
    if not given.chain and not saved.descends_from(given):
        raise Untrusted(_stranger(site, saved))
    return _learned(site, saved, given)


def configured_trust(site: Site, name: str | None) -> Trust | None:
    """What agent.trust names: whom to trust until the site follows a trust root.

    From then on a trust file may add to that, and a plain key says nothing any more [A-220]. Raises what `load_trust`
    and `saved_trust` raise.
    """
    given = load_trust(site.root / name) if name else None
    return None if given and not given.chain and saved_trust(site) else given


def _learned(site: Site, saved: Trust, given: Trust) -> Trust:
    try:
        learned = saved.following(given.file().links) if given.chain else saved
    except Untrusted as error:
        raise Untrusted(f"{_stranger(site, saved)} ({error})") from error
    offered, known = given.revocations, learned.revocations
    if offered and (known is None or offered.listed.version > known.listed.version):
        return learned.informed_of(offered.signed)
    return learned


def learning(site: Site, trust: Trust, command: str) -> Trust:
    """The same trust, which saves at the site what each verified header teaches [R-11].

    Verifying with it may raise StorageFailed, SiteBusy, SiteInvalid or Unguarded. `command`: named in the site's lock.
    """

    # It is saved even if the release is refused: a revocation must reach the ship by whatever bundle brings it.

    def learn(taught: Trust, refused: bool) -> None:
        if _is_news(site, taught):
            check_site(site)
            site.make_directories()
            with site_lock(site, command):
                save_trust(site, taught)

    return replace(trust, learn=learn)


def updated_trust(site: Site, given: Trust | None, command: str) -> Trust:
    """`site_trust`, made `learning`. What `given` adds to the saved trust is saved at once [R-11].

    Raises what these two raise.
    """
    trust = learning(site, site_trust(site, given), command)
    if given and trust.learn and saved_trust(site):
        trust.learn(trust, False)
    return trust


def learning_from_refused(site: Site, trust: Trust, command: str) -> Trust:
    """`learning`, for a command that leaves the site as it is: it saves what refused headers teach, and no more.

    What an accepted bundle teaches is saved when that is applied. Nothing is saved where the site cannot be written or
    has no saved trust yet.
    """
    save = learning(site, trust, command).learn

    def learn(taught: Trust, refused: bool) -> None:
        with suppress(AboardError):
            if refused and save and saved_trust(site):
                save(taught, refused)

    return replace(trust, learn=learn)


def save_trust(site: Site, trust: Trust) -> bool:
    """Makes durable what a verified bundle taught, never less than is saved already; whether it was news.

    Raises StorageFailed.
    """
    if not _is_news(site, trust):
        return False
    path = site.trust_file
    if not presence.is_directory(path.parent):
        with durable.storage_errors(path.parent):
            path.parent.mkdir()
        durable.sync_directory(path.parent.parent)
    durable.write_file(path, canonical.encode(trust.file()))
    return True


def saved_trust(site: Site) -> Trust | None:
    """The saved trust, verified link by link; None if there is none. Raises StorageFailed or SiteInvalid."""
    path = site.trust_file
    with durable.storage_errors(path):
        if not presence.exists(path):
            return None
        data = read_plain(path, MAX_TRUST_FILE_BYTES + 1)
    try:
        return trust_of(decode_trust_file(data))
    except Refused as error:
        raise SiteInvalid(
            f"{path}: damaged ({error}); put back a backup of it, or remove it and name with --trust whom to trust"
        ) from error


def _is_news(site: Site, trust: Trust) -> bool:
    saved = saved_trust(site)
    return bool(trust.chain) and (saved is None or _is_ahead(trust, saved))


def _is_ahead(trust: Trust, saved: Trust) -> bool:
    """Whether it has all of what is saved, and more."""
    new, old = _versions(trust), _versions(saved)
    return new != old and all(a >= b for a, b in zip(new, old, strict=True))


def _versions(trust: Trust) -> tuple[int, int]:
    return trust.root.version, trust.revocations.listed.version if trust.revocations else 0


def _stranger(site: Site, saved: Trust) -> str:
    return (
        f"--trust: the site follows trust root {saved.root.version}, which does not come from there; "
        f"leave --trust out, or remove {site.trust_file} to trust anew"
    )
