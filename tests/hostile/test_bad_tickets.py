"""Bad inputs 57 and 61, of the attack list: tickets for somebody else, and STREAM that does not come to its one end.

The site has the ship's key of the vectors. [S-4] [S-5] [S-8] [S-10] [S-11]
"""

from tests.support.contents.raw_bundles import vector
from tests.support.sites.attacked_site import Besieged


def test_bad_input_57_a_ticket_for_another_ship_or_bundle(site: Besieged) -> None:
    site.refuses_vectors("ticket-other-ship", "ticket-other-bundle", "ticket-hint-ship", "ticket-hint-bundle")
    site.refuses_vectors("ticket-seal-ship", "ticket-info-root", "ticket-info-ship", "ticket-info-type")
    site.refuses_vectors("ticket-info-order", "ticket-small", "ticket-seal", "ticket-key", "encrypted-no-ticket")
    site.refuses_vectors("ticket-bit", "ticket-signature", "ticket-stranger", "ticket-borrowed", "ticket-type")
    site.refuses_vectors("ticket-detached", "ticket-hints", "ticket-empty", "ticket-long", "ticket-format-2")
    assert site.apply(vector("encrypted"), site.ticket("encrypted"))[0] == 0


def test_bad_input_61_stream_without_a_last_chunk_or_with_two(site: Besieged) -> None:
    site.refuses_vectors("encrypted-no-last", "encrypted-two-last", "encrypted-cut", "encrypted-exchanged")
    site.refuses_vectors("encrypted-counter", "encrypted-empty-last", "encrypted-length", "encrypted-bit")
    site.refuses_vectors("encrypted-tag", "encrypted-late", "encrypted-plain", "encrypted-number", "encrypted-unsaid")
    assert site.apply(vector("encrypted-large"), site.ticket("encrypted-large"))[0] == 0
