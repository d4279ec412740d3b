"""New signatures, and another chain of trust, for a bundle that is built already. Its root and sections stay."""

from collections.abc import Sequence
from pathlib import Path

from bundle.format.layout import PREAMBLE_BYTES
from bundle.format.root import Root
from bundle.host import presence
from bundle.host.files import create_buffered, read_plain
from bundle.host.output import WORK
from bundle.read.reader import open_bundle, open_for_display
from bundle.recipients.sidecars import check_output_path, check_sum_beside, manifests_beside, publish
from bundle.trust.signing import Signer
from bundle.trust.trust import Trust
from bundle.write.encrypt import resign_tickets
from bundle.write.header import signed_header, trust_to_prove_under
from bundle.write.unproven import unproven_file

CHUNK_BYTES = 1 << 20


def resign(path: Path, out: Path, signers: Sequence[Signer], trust: Trust | None, trust_from: int = 0) -> Root:
    """Writes the bundle with these signatures alone, and the chain of `trust`. `out` may be the file itself.

    Every section is verified under the root, and the file against the checksum beside it, if there is one: a section
    within the root has no hash of its own. Who signed before does not matter: that key may be lost or revoked. The
    tickets of an encrypted bundle are bound to its root, which stays. They are signed anew with it.

    Raises InputError, NoRoom, Corrupt or Malformed. The bundle at `out` is as it was then. Its sidecars may be new
    already, if the last steps failed.
    """
    check_output_path(out)
    proving_trust = trust_to_prove_under(trust, signers)
    with WORK.errors(path):
        check_sum_beside(path)
    with WORK.errors(out), unproven_file(out) as unproven:
        with open_for_display(path) as bundle, create_buffered(unproven) as file:
            root_bytes = bundle.read(PREAMBLE_BYTES, bundle.verified.root_bytes)
            file.write(signed_header(root_bytes, signers, trust, trust_from))
            for section in bundle.root.sections:
                bundle.verify_section(section)
            at = bundle.verified.header_bytes
            while chunk := bundle.read(at, CHUNK_BYTES):
                file.write(chunk)
                at += len(chunk)
        with open_bundle(unproven, proving_trust) as bundle:
            root = bundle.root
            if root.is_encrypted:
                resign_tickets(path, out, bundle.verified.root_hash, signers)
        beside = manifests_beside(path)
        publish(unproven, out, read_plain(beside) if presence.exists(beside) and out != path else None)
    return root
