"""Signatures that a bundle carries beside its root."""

from bundle.read.reader import open_for_display
from bundle.trust.signing import verifying_key
from tests.support.sites.site import shore
from unrep.inspection.bundle_summary import inspect_bundle, read_names
from unrep.inspection.carried_trust import Carried, read_carried


def test_a_bundle_with_a_plain_signature() -> None:
    with open_for_display(shore().bundle("1.0.1", 2, "1.0.0")) as bundle:
        signed_by = (verifying_key(shore().key).key_id.hex(),)
        assert read_carried(bundle) == Carried(signed_by, (), None)
        found = inspect_bundle(bundle, read_names(bundle, []))
    assert found.carried.signed_by == signed_by and found.tree == shore().tree("1.0.1")
    (section,) = found.sections
    assert section.base == shore().tree("1.0.0") and section.present
    assert sum(item.bytes for item in section.objects) <= section.bytes
