"""A heartbeat comes aboard: what shore says is newest goes on record, and when that was said [R-15], [R-16]."""

import time
from pathlib import Path

import msgspec

from apply.audit.run import Report, Run, finish, reporting, working
from apply.record.admission import check_product
from apply.record.database import Record
from apply.record.standing import Standing
from apply.site.layout import Site
from apply.site.trusted import taking_in
from bundle.errors import InputError, Untrusted, naming
from bundle.host.files import read_given
from bundle.host.progress import Quiet
from bundle.trust.heartbeat import MAX_HEARTBEAT_BYTES, Heartbeat, verify_heartbeat
from bundle.trust.trust import Signers, Trust


def hear(path: Path, site: Path, trust: Trust | None, nonce: bytes | None = None, product: str = "") -> Report:
    """Takes in a heartbeat: `nothing-to-do`, for no release changes. `nonce`: the one that shore was asked to sign.

    `product`: what the site is for, as a person said; "" for no word.
    Raises Refused for one that is not newer than the last, not for this site's product, or not signed by whom the site
    trusts; InputError if it cannot be read.
    """
    run = Run("hear", Site.at(site), Quiet())
    with reporting(run):
        followed = taking_in(run.site, trust, run.command)
        beat, signers = _verified(path, followed, nonce)
        standing = Standing.of(followed)
        beat = msgspec.structs.replace(beat, time=min(beat.time, standing.speaks_until))
        with working(run) as record:
            check_product(record.state, beat.product, product)
            heeded = record.state.heeding(standing)
            record.save(heeded.told(beat, standing.word_of(signers), int(time.time())))
            return _finished(run, record, beat)


def _verified(path: Path, trust: Trust, nonce: bytes | None) -> tuple[Heartbeat, Signers]:
    try:
        data = read_given(path, MAX_HEARTBEAT_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    with naming(path):
        beat, signers = verify_heartbeat(data, trust)
    if nonce not in (None, beat.nonce):
        raise Untrusted(
            f"{path}: its nonce is {beat.nonce.hex()}, not the one that was asked for: it may be an old one"
        )
    return beat, signers


def _finished(run: Run, record: Record, beat: Heartbeat) -> Report:
    reason = f"shore's newest release is seq {beat.seq}, epoch {beat.epoch}"
    reason += "; it has not come here yet" if record.state.waiting else "; this site has had it"
    return finish(run, record, run.report("nothing-to-do", record.state.current_version, reason))
