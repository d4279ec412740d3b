"""A heartbeat comes aboard: a signed announcement of shore's newest release. spec/trust.md, [R-15] and [R-16].

What it announces goes on record, with the time at which shore signed it. No release changes.
"""

import time
from pathlib import Path

import msgspec

from apply.audit.run import Report, Run, record_success, reporting, working
from apply.record.admission import check_product
from apply.record.authority import Authority
from apply.record.database import Record
from apply.site.layout import Site
from apply.site.trusted import updated_trust
from bundle.errors import InputError, Untrusted, naming
from bundle.host.files import read_given
from bundle.host.progress import Quiet
from bundle.trust.heartbeat import MAX_HEARTBEAT_BYTES, Heartbeat, verify_heartbeat
from bundle.trust.trust import Signers, Trust


def receive_heartbeat(
    path: Path, site: Path, trust: Trust | None, nonce: bytes | None = None, product: str = ""
) -> Report:
    """Records the heartbeat in the file at `path`: `nothing-to-do`, for no release changes.

    `nonce`: the one that shore was asked to sign. `product`: what a person says the site is for, "" if nobody does.
    Raises Refused for one that is not newer than the last, not for this site's product, or not signed by whom the site
    trusts; InputError if it cannot be read.
    """
    run = Run("hear", Site.at(site), Quiet())
    with reporting(run):
        trusted = updated_trust(run.site, trust, run.command)
        heartbeat, signers = _verified(path, trusted, nonce)
        authority = Authority.of(trusted)
        # A time signed by a release key counts up to a limit only, or a stolen key could set the floor for ever.
        heartbeat = msgspec.structs.replace(heartbeat, time=min(heartbeat.time, authority.speaks_until))
        with working(run) as record:
            check_product(record.state, heartbeat.product, product)
            state = record.state.restricted_to(authority)
            record.save(state.received(heartbeat, authority.attribution(signers), int(time.time())))
            return _finished(run, record, heartbeat)


def _verified(path: Path, trust: Trust, nonce: bytes | None) -> tuple[Heartbeat, Signers]:
    try:
        data = read_given(path, MAX_HEARTBEAT_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    with naming(path):
        heartbeat, signers = verify_heartbeat(data, trust)
    if nonce not in (None, heartbeat.nonce):
        raise Untrusted(
            f"{path}: its nonce is {heartbeat.nonce.hex()}, not the one that was asked for: it may be an old one"
        )
    return heartbeat, signers


def _finished(run: Run, record: Record, heartbeat: Heartbeat) -> Report:
    reason = f"shore's newest release is seq {heartbeat.seq}, epoch {heartbeat.epoch}"
    reason += "; it has not come here yet" if record.state.waiting else "; this site has had it"
    return record_success(run, record, run.report("nothing-to-do", record.state.current_version, reason))
