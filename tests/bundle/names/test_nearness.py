"""Near names: each slip of one finger is understood, and what is only somewhat alike is not suggested."""

import random

import pytest

from bundle.names.nearness import did_you_mean, near

KNOWN = ["--workers", "--out", "--key", "--base", "--dry-run", "--passphrase-file", "--require-hashes", "--recipient"]
FOREIGN = ["--force", "--verbose", "--quiet", "--yes", "--debug", "--config", "--no-cache", "--delta", "--target"]


@pytest.mark.parametrize("typed", FOREIGN)
def test_what_is_only_somewhat_alike(typed: str) -> None:
    assert near(typed, KNOWN) == [] and did_you_mean(typed, KNOWN) == ""


@pytest.mark.parametrize("name", KNOWN)
def test_one_slip(name: str) -> None:
    """A letter that lacks, is doubled, is another, or stands in the wrong place."""
    bare, chance = name.removeprefix("--"), random.Random(16)
    for at in range(len(bare) - 1):
        for slip in (
            bare[:at] + bare[at + 1 :],
            bare[:at] + bare[at] + bare[at:],
            bare[:at] + bare[at + 1] + bare[at] + bare[at + 2 :],
            bare[:at] + chance.choice("qxz") + bare[at + 1 :],
        ):
            assert name in near(f"--{slip}", KNOWN) or len(bare) <= 3, slip


def test_a_name_cut_short_and_one_spelled_otherwise() -> None:
    assert near("--dry", KNOWN) == near("--dryrun", KNOWN) == near("--DRY_RUN", KNOWN) == ["--dry-run"]
    assert near("--re", KNOWN) == [], "too short to say which"
    assert near("--rec", KNOWN) == ["--recipient"]


def test_the_end_of_a_sentence() -> None:
    assert did_you_mean("reciept", ["receipt", "apply"]) == "; did you mean 'receipt'?"
    assert did_you_mean("versoin", ["version", "versions"]) == "; did you mean 'version' or 'versions'?"
