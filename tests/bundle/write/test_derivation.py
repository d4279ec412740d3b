"""What follows from other files costs next to nothing, and what does not is made as ever: whole bundles, proven."""

import random
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from bundle.archives.engines import present_features
from bundle.derived.rules import Rule, form
from bundle.errors import BundleError, Corrupt, Malformed
from bundle.format.index import Derived
from bundle.read import work_limit
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import open_bundle
from bundle.read.steps import decode_steps
from bundle.read.tree import DirectoryBase, scan
from bundle.write import section_plan
from bundle.write.builder import BuildReport, BuildRequest, build
from tests.support.contents.tiny_bundle import KEY, TRUST
from tests.support.sites.site import QUIET

Files = dict[str, bytes]


def source(seed: int, entries: int = 60) -> bytes:
    choice = random.Random(seed)
    texts = [f'msgid "word {n}"\nmsgstr "{choice.randbytes(20).hex()}"\n\n' for n in range(entries)]
    return ('msgid ""\nmsgstr "Language: xx\\n"\n"POT-Creation-Date: 2024-01-01\\n"\n\n' + "".join(texts)).encode()


def record(files: Files) -> bytes:
    rows = []
    for path, data in files.items():
        digest = urlsafe_b64encode(sha256(data).digest()).rstrip(b"=")
        rows.append(b"%s,sha256=%s,%d\n" % (path.encode(), digest, len(data)))
    return b"".join(rows) + b"x.dist-info/RECORD,,\n"


def modules(seed: int, count: int = 40) -> Files:
    choice = random.Random(seed)
    return {f"x/m{n}.py": choice.randbytes(30).hex().encode() + b" = 1\n" * 40 for n in range(count)}


def source_map(names: list[str], seed: int = 7) -> bytes:
    choice = random.Random(seed)
    wanted, digits, before = [choice.randrange(50) for _ in range(2000)], [], 0
    for one in wanted:
        name = names.index(f"name{one}")
        value, before = 2 * (name - before) if name >= before else 2 * (before - name) + 1, name
        text = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        digits.append("CAAC" + (text[value] if value < 32 else text[value & 31 | 32] + text[value >> 5]))
    listed = ",".join(f'"{name}"' for name in names)
    return f'{{"version":3,"names":[{listed}],"mappings":"{",".join(digits)}"}}'.encode()


def tree(directory: Path, files: Files) -> Path:
    for path, data in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)
    return directory


def built(directory: Path, old: Files | None, new: Files, full: bool = False) -> BuildReport:
    bases = []
    if old is not None:
        bases = [DirectoryBase(tree(directory / "old", old), scan(tree(directory / "old", old)))]
    target, out = tree(directory / "new", new), directory / "out"
    request = BuildRequest(new=target, product="p", version="2", seq=2, out=out, bases=bases, full=full)
    with ThreadPoolExecutor(1) as pool:
        return build(request, KEY, pool, QUIET)


def derivations(directory: Path) -> list[Derived]:
    with open_bundle(directory / "out", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        base = DirectoryBase(directory / "old", scan(directory / "old"))
        evaluation = open_evaluation(section, base, present_features())
        steps = decode_steps(section.index, evaluation._steps.nesting, present_features(), ())
        return [step.recipe for _, step in steps.numbered(0) if isinstance(step.recipe, Derived)]


@pytest.mark.parametrize("rule", [Rule.CATALOGUE, Rule.UNDATED_CATALOGUE, Rule.CATALOGUE_WITHOUT_TABLE])
def test_a_catalogue_costs_nothing_beside_its_source(rule: Rule, tmp_path: Path) -> None:
    """[F-103] [F-105]: the catalogue itself tells by which rule it was compiled."""
    old, new = source(1), source(1).replace(b"word 3", b"word three")
    files = [{"a/x.po": po, "a/x.mo": form(rule, po), "keep": b"k" * 900} for po in (old, new)]
    report = built(tmp_path, files[0], files[1])
    (recipe,) = derivations(tmp_path)
    assert recipe.triples == 0 and recipe.rule == rule
    assert report.recipes["derived"] == 1 and "derived-1" in report.root.sections[0].features


def test_a_catalogue_that_was_edited_takes_a_patch(tmp_path: Path) -> None:
    """[F-103]"""
    old, new = source(1), source(2)
    edited = form(Rule.CATALOGUE, new).replace(b"Language: xx", b"Language: yy")
    report = built(tmp_path, {"x.po": old, "x.mo": form(Rule.CATALOGUE, old)}, {"x.po": new, "x.mo": edited})
    assert [recipe.triples > 0 for recipe in derivations(tmp_path)] == [True]
    assert report.total_bytes < len(new)


def test_a_first_install_compiles_catalogues(tmp_path: Path) -> None:
    """[F-103]: also in a full section, beside the source."""
    files = {f"{n}.po": source(n) for n in range(9)}
    files |= {path.replace(".po", ".mo"): form(Rule.UNDATED_CATALOGUE, po) for path, po in files.items()}
    assert built(tmp_path, None, files).recipes["derived"] == 9


@pytest.mark.parametrize("odd", [b"", b"msgid", b'msgid "a"\nmsgstr "\\x41"\n' * 20, b'msgid "a"\nmsgstr "b"\n' * 200])
def test_an_odd_source_is_no_reason_not_to_build(odd: bytes, tmp_path: Path) -> None:
    """[F-105]"""
    mo = form(Rule.CATALOGUE, source(1))
    report = built(tmp_path, {"x.po": odd, "x.mo": mo}, {"x.po": odd + b"\n", "x.mo": mo + b"!"})
    assert "derived" not in report.recipes


def test_a_list_costs_nothing_beside_its_files(tmp_path: Path) -> None:
    """[F-106]: the hashes of forty new files are 1,280 bytes that nothing makes smaller."""
    old, new = modules(1), modules(1) | {path: data + b"# new\n" for path, data in modules(1).items()}
    sizes = {}
    for name in ("RECORD", "REKORD"):
        files = [one | {f"x.dist-info/{name}": record(one)} for one in (old, new)]
        sizes[name] = built(tmp_path / name, files[0], files[1]).total_bytes
    assert sizes["RECORD"] < sizes["REKORD"] - 1200


def test_a_list_within_a_wheel(tmp_path: Path) -> None:
    """[F-106]: its members are no files of the release."""
    old, new = modules(1), {path: data + b"# new\n" for path, data in modules(1).items()}
    sizes = {}
    for name in ("RECORD", "REKORD"):
        wheels = []
        for files in (old, new):
            with ZipFile(tmp_path / "wheel", "w", 8) as archive:
                for path, data in (files | {f"x.dist-info/{name}": record(files)}).items():
                    archive.writestr(path, data)
            wheels.append({"x.whl": (tmp_path / "wheel").read_bytes()})
        sizes[name] = built(tmp_path / name, wheels[0], wheels[1]).total_bytes
    assert sizes["RECORD"] < sizes["REKORD"] - 1200


def test_a_list_that_lies_is_sent_as_it_is(tmp_path: Path) -> None:
    """[F-106]"""
    old, new = modules(1), modules(2)
    lies = record({path: data + b"?" for path, data in new.items()})
    report = built(tmp_path, old | {"RECORD": record(old)}, new | {"RECORD": lies})
    assert "derived" not in report.recipes


def test_a_source_map_with_a_new_name(tmp_path: Path) -> None:
    """[F-107]: all indexes shift, and nothing of that is sent."""
    names = [f"name{n}" for n in range(50)]
    old, new = source_map(names), source_map(["first", *names])
    report = built(tmp_path, {"a.js.map": old}, {"a.js.map": new})
    assert [recipe.rule for recipe in derivations(tmp_path)] == [Rule.SOURCE_MAP]
    assert report.total_bytes < 600


def test_a_source_map_with_a_hole(tmp_path: Path) -> None:
    """[F-107]: a mapping to a name that is not there."""
    names = [f"name{n}" for n in range(50)]
    old, new = source_map(names), source_map(["first", *names]).replace(b'"first",', b"").replace(b',"name49"', b"")
    assert "derived" not in built(tmp_path, {"a.js.map": old}, {"a.js.map": new}).recipes


def zipped(path: Path, files: Files) -> bytes:
    with ZipFile(path, "w", 8) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path.read_bytes()


def test_sources_that_readers_do_not_allow_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """[F-68]: maps that lost most of what they held. Their sources are many times the release."""
    monkeypatch.setattr(work_limit, "FREE_BYTES", 0)
    names = [f"name{n}" for n in range(50)]
    old, new = source_map(names), source_map(["first", *names])
    grown = old[:-1] + b',"sourcesContent":["' + random.Random(1).randbytes(100_000).hex().encode() + b'"]}'
    assert "derived" not in built(tmp_path / "grown", {"a.js.map": grown}, {"a.js.map": new}).recipes
    both = built(tmp_path / "both", {"a.js.map": grown, "b.js.map": old}, {"a.js.map": new, "b.js.map": new + b" "})
    assert both.recipes["derived"] == 1


def test_a_list_of_one_member_a_thousand_times(tmp_path: Path) -> None:
    """[F-68]: a reader hashes it once."""
    member = b"all alike " * 40_000
    wheels = [zipped(tmp_path / "wheel", {"member": member, "other": text}) for text in (b"1", b"2")]
    rows = b"".join(b"%s  %d\n" % (sha256(member).hexdigest().encode(), n) for n in range(1000))
    report = built(tmp_path, {"a.zip": wheels[0], "sha256": b"none\n"}, {"a.zip": wheels[1], "sha256": rows})
    assert report.recipes["derived"] == 1 and derivations(tmp_path)[0].objects[999:]


@pytest.mark.parametrize("size", [300_000, 400_000])
def test_a_small_list_of_a_large_member_of_the_base(size: int, tmp_path: Path) -> None:
    """[F-68]: a release of so few bytes may not ask for so much to be hashed. Some it may."""
    member, rows = bytes(size), b""
    wheel = zipped(tmp_path / "wheel", {"member": member})
    rows = b"%s  member\n" % sha256(member).hexdigest().encode()
    new = {"sha256": rows + b"# as of today\n" * 18}
    report = built(tmp_path, {"a.zip": wheel, "sha256": b"# as of today\n" * 18}, new)
    assert ("derived" in report.recipes) == (size <= 1040 * len(new["sha256"]))


def test_a_list_that_shows_more_than_recipes_may_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """[F-68]: each row is a use."""
    monkeypatch.setattr(section_plan, "MOST_MEMBERS", 8)
    rows = [sha256(b"kept").hexdigest().encode() + b"\n" * n for n in range(1, 10)]
    for count, derived in ((8, 1), (9, 0)):
        files = [{"keep": b"kept", "sha256": data} for data in (b"none\n", b"".join(rows[:count]) + b"\n")]
        assert built(tmp_path / str(count), files[0], files[1]).recipes.get("derived", 0) == derived


def test_a_file_that_a_list_names_may_be_lost(tmp_path: Path) -> None:
    """[F-62]: the list comes from the full section then, as everything else that cannot be made."""
    old, new = modules(1), modules(1) | {"x/m1.py": b"new\n" * 30}
    built(tmp_path, old | {"RECORD": record(old)}, new | {"RECORD": record(new)}, full=True)
    base = DirectoryBase(tmp_path / "old", scan(tmp_path / "old"))
    lost = next(place for place, entry in enumerate(base.manifest.entries, 1) if entry.path == "x/m2.py")
    with open_bundle(tmp_path / "out", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        made = open_evaluation(section, base, present_features(), lost=[lost])
        whole = open_evaluation(section, base, present_features())
        lists = [place for place, entry in enumerate(made.draft.entries, 1) if entry.path == "RECORD"]
        assert not set(lists) & set(made.made) and set(lists) <= set(whole.made)
        for _, chunks in made.chosen(made.made):
            assert b"".join(chunks)


def test_only_what_is_read_of_the_base_is_verified_before(tmp_path: Path) -> None:
    """[F-103]: what a list says of an unchanged file is in the base's manifest."""
    old, new = modules(1), modules(1) | {"x/m1.py": modules(1)["x/m1.py"] + b"# new\n"}
    built(tmp_path, old | {"RECORD": record(old)}, new | {"RECORD": record(new)})
    base = DirectoryBase(tmp_path / "old", scan(tmp_path / "old"))
    with open_bundle(tmp_path / "out", TRUST) as bundle:
        evaluation = open_evaluation(bundle.open_section(bundle.root.sections[0]), base, present_features())
        assert {base.manifest.entry(place).path for place in evaluation.base_places()} <= {"RECORD", "x/m1.py"}


def test_a_source_that_changed_aboard_is_refused(tmp_path: Path) -> None:
    """[F-37]: what is derived from it is hashed like all else, or has no form."""
    po = source(1)
    built(tmp_path, {"x.po": po, "y": b"1"}, {"x.po": po, "x.mo": form(Rule.CATALOGUE, po), "y": b"2"})
    for damage, kind in ((b"word 4", Corrupt), (b'msgstr "', Malformed)):
        manifest = scan(tmp_path / "old")
        (tmp_path / "old" / "x.po").write_bytes(po.replace(damage, damage[::-1], 1))
        base = DirectoryBase(tmp_path / "old", manifest)
        with open_bundle(tmp_path / "out", TRUST) as bundle, pytest.raises(BundleError) as refusal:
            evaluation = open_evaluation(bundle.open_section(bundle.root.sections[0]), base, present_features())
            list(evaluation.verify_objects())
        assert refusal.type is kind
        (tmp_path / "old" / "x.po").write_bytes(po)
