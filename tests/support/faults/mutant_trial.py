"""Mutants before the reader, and before a site: what becomes of each, and what must not.

A mutant is **accepted** if a receiver comes to the end of it: signature, section, every object. What the sender has not
signed anew must never be accepted, unless it is the original file to the byte. What was signed anew may be sound, with
another seq say; then what comes of it must be, object by object, what its own signed manifest says, hashed here and not
by the reader, under paths that stay inside the tree; else it was accepted wrongly. A **failure** is any exception but
the typed refusals.
"""

import traceback
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

from apply.errors import PreflightRefused
from apply.site.config import SiteConfig
from apply.update import update
from bundle.archives.engines import present_features
from bundle.errors import BundleError
from bundle.format.manifest import Kind, TreeManifest, check_link_target
from bundle.format.section_cipher import ContentKey
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import open_bundle
from bundle.read.tree import DirectoryBase, scan
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import Trust
from tests.support.contents.in_memory import in_memory
from tests.support.contents.mutants import Mutant, mutant
from tests.support.contents.raw_bundles import DOCUMENT, sealed
from tests.support.contents.sealed import always
from tests.support.sites.attacked_site import Besieged, fingerprint

TRUST = Trust((VerifyingKey(bytes.fromhex(DOCUMENT["trusted"])),))
UNLOCK = always(ContentKey(sealed.CONTENT_KEY))
TO_THE_SITE = 97  # one in so many refused mutants also goes through the update of a site


@dataclass
class Tally:
    """What became of so many mutants. `wrong` and `failures` name them by their numbers, with what happened."""

    count: int = 0
    identical: int = 0
    sound: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    at_the_site: int = 0
    wrong: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    changed_outside_staging: list[str] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    @property
    def is_good(self) -> bool:
        return not (self.wrong or self.failures or self.changed_outside_staging)


class Trial:
    """A site, and the files that mutants are written to: where they change, nobody looks; elsewhere nothing may."""

    def __init__(self, site: Besieged, scratch: Path) -> None:
        self._site, self._file = site, scratch / "mutant.unrep"
        self._staging = site.root / ".unrep" / "staging"
        release = site.root / "versions" / "1.0"
        self._base = DirectoryBase(release, scan(release))
        self._before = fingerprint(site.directory)

    def run(self, seeds: range) -> Tally:
        tally = Tally()
        for seed in seeds:
            self._judge(seed, mutant(seed), tally)
        after = fingerprint(self._site.directory)
        changed = {name for name in self._before.keys() | after.keys() if self._before.get(name) != after.get(name)}
        tally.changed_outside_staging += sorted(changed) + [path.name for path in self._staging.iterdir()]
        return tally

    def _judge(self, seed: int, made: Mutant, tally: Tally) -> None:
        tally.count += 1
        if made.is_identical:
            tally.identical += 1
            return
        try:
            wrong = self.read_through(in_memory(made.data, "mutant.unrep"))
        except BundleError as error:
            tally.refused[type(error).__name__] += 1
            if seed % TO_THE_SITE == 0:
                self._bring(seed, made, tally)
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            tally.failures.append(f"{seed} ({made.original}): {traceback.format_exc()}")
        else:
            if wrong or not made.resigned:
                tally.wrong.append(f"{seed} ({made.original}): {wrong or 'accepted, and the sender has not signed it'}")
            tally.sound += 1
            tally.accepted.append(seed)

    def read_through(self, file: Path) -> str:
        """As a receiver reads it; what is wrong with what comes of it, "" if nothing. Raises BundleError."""
        with open_bundle(file, TRUST, UNLOCK) as bundle:
            delta = bundle.root.delta_section(self._base.manifest.tree_hash, present_features())
            section = delta or bundle.root.full_section(present_features())
            if section is None:
                raise BundleError("nothing for this receiver")
            opened = bundle.open_section(section)
            opened.verify()
            base = self._base if delta else None
            evaluation = open_evaluation(opened, base, present_features(), scratch=self._staging)
            made, wrong = {place: b"".join(chunks) for place, chunks in evaluation.objects()}, ""
            manifest = evaluation.finished()
            if sha256(manifest.encoded).digest() != bundle.root.tree:
                wrong = "another manifest than the signed one"
            for place, content in made.items():
                wrong = wrong or _object_fault(manifest, place, content)
        return wrong or _path_fault(manifest)

    def _bring(self, seed: int, made: Mutant, tally: Tally) -> None:
        tally.at_the_site += 1
        self._file.write_bytes(made.data)
        try:
            update(self._file, self._site.root, TRUST, SiteConfig())
        except (BundleError, PreflightRefused) as error:
            if "\n" in str(error):
                tally.failures.append(f"{seed}: more than a sentence: {error}")
        except Exception:  # noqa: BLE001
            tally.failures.append(f"{seed} at the site: {traceback.format_exc()}")
        else:
            tally.wrong.append(f"{seed}: refused by the reader, applied by the site")


def _object_fault(manifest: TreeManifest, place: int, content: bytes) -> str:
    entry = manifest.entry(place)
    if entry.kind == Kind.SYMLINK:
        check_link_target(entry, content)
    right = (len(content), sha256(content).digest()) == (entry.size, entry.hash)
    return "" if right else f"{entry.path}: other bytes than the signed ones"


def _path_fault(manifest: TreeManifest) -> str:
    for entry in manifest.entries:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts or path.parts[0].lower() == ".unrep" or "\0" in entry.path:
            return f"{entry.path!r}: leaves the tree"
    return ""
