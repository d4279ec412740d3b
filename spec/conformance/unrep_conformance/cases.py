"""The cases that a reader is asked, out of vectors.json and images.json [N-6]."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERIFY = "verify"
TASKS = {
    "keys": "key",
    "ship_keys": "ship_key",
    "heartbeats": "heartbeat",
    "channels": "channel",
    "receipts": "receipt",
    "repairs": "repair",
}


class NoVectors(Exception):
    """The directory of vectors cannot be read; the message says why."""


@dataclass(frozen=True)
class Case:
    """One question, and what must be answered. `expect`: "accept" or a class; `wanted`: what else the answer holds."""

    name: str
    level: str
    requirements: Sequence[str]
    isolates: str | None
    about: str
    expect: str
    request: Mapping[str, Any]
    wanted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_sound_bundle(self) -> bool:
        """Whether readers of any level are asked."""
        return self.request["task"] == "bundle" and self.expect == "accept" and not self.request["adopted"]


@dataclass(frozen=True)
class Suite:
    """All cases. `levels`: each with those that it needs; `requirements`: of each level."""

    unicode: str
    levels: Mapping[str, Sequence[str]]
    requirements: Mapping[str, Sequence[str]]
    cases: Sequence[Case]

    def closed(self, levels: Sequence[str]) -> list[str]:
        """These levels and all that they need, in the order of the suite."""
        found = set(levels)
        while more := {need for level in found for need in self.levels[level]} - found:
            found |= more
        return [level for level in self.levels if level in found]

    def asked(self, levels: Sequence[str]) -> list[Case]:
        """The cases for a reader of these levels: its own, and sound bundles of all others [N-8]."""
        return [case for case in self.cases if case.level in levels or case.is_sound_bundle]


def vectors_directory() -> Path:
    """Where the vectors lie: in the wheel, or beside this package in a checkout."""
    here = Path(__file__).resolve().parent
    inside = here / "vectors"
    return inside if inside.is_dir() else here.parent.parent / "vectors"


def read_suite(directory: Path) -> Suite:
    """Raises NoVectors where files are missing or are none of these."""
    try:
        told = json.loads((directory / "vectors.json").read_text("utf-8"))
        images = json.loads((directory / "images.json").read_text("utf-8"))["images"]
        cases = [case for vector in told["vectors"] for case in _bundles(directory, told, vector)]
        for listed, task in TASKS.items():
            cases += [_signed(told, task, item) for item in told.get(listed, ())]
        cases += [_image(item) for item in images] + [_stage(item) for item in told.get("stages", ())]
        levels = {name: level["needs"] for name, level in told["levels"].items()}
        requirements = {name: level["requirements"] for name, level in told["levels"].items()}
        missing = [case.request["file"] for case in cases if not Path(case.request.get("file", directory)).exists()]
        if missing:
            raise NoVectors(f"{missing[0]}: this vector is missing; take the directory whole")
        return Suite(told["unicode"], levels, requirements, cases)
    except OSError as fault:
        raise NoVectors(f"{fault.filename}: the vectors cannot be read: {fault.strerror}") from fault
    except (ValueError, KeyError, TypeError) as fault:
        raise NoVectors(
            f"{directory}: vectors.json or images.json is not as this program knows it ({fault!r})"
        ) from fault


def _bundles(directory: Path, told: Mapping[str, Any], vector: Mapping[str, Any]) -> list[Case]:
    """One case, and one more where a person has adopted the vector's trust roots."""
    request = {
        "task": "bundle",
        "file": str((directory / f"{vector['name']}.unrep").resolve()),
        "trusted": told["trusted"],
        "base": vector.get("base", told["base"]),
        "ship": told["ship"],
        "ticket": vector.get("ticket"),
        "adopted": False,
    }
    level, accepted = vector["level"], {"content": vector.get("content")}
    about = (vector["requirements"], vector["isolates"], vector["about"])
    if vector["expect"] == "accept" and level == VERIFY:
        level = "plain"  # to accept is to have made the release
    made = accepted if vector["expect"] == "accept" else {}
    cases = [Case(vector["name"], level, *about, vector["expect"], request, made)]
    if "adopted" in vector:
        made = accepted if vector["adopted"] == "accept" else {}
        adopted = request | {"adopted": True}
        cases.append(Case(f"{vector['name']} adopted", "trust", *about, vector["adopted"], adopted, made))
    return cases


def _signed(told: Mapping[str, Any], task: str, item: Mapping[str, Any]) -> Case:
    """A key, a small signed file, or a repair request with the manifest of its release."""
    data = item["key" if "key" in item else task]
    if "manifest" in item:
        more = {"manifest": item["manifest"]}
    else:
        more = {} if "key" in item else {"trusted": told["trusted"]}
    request = {"task": task, "data": data} | more
    about = (item["requirements"], item["isolates"], item["about"])
    return Case(f"{task} {item['name']}", item["level"], *about, item["expect"], request)


def _image(item: Mapping[str, Any]) -> Case:
    request = {"task": "image", "data": item["image"]}
    about = (item["requirements"], item["isolates"], "the references of an image, or that it is none")
    return Case(f"image {item['name']}", "references", *about, "accept", request, {"references": item["references"]})


def _stage(item: Mapping[str, Any]) -> Case:
    request = {"task": "stage", "stage": item["stage"], "data": item["data"]}
    about = (item["requirements"], item["isolates"], item["about"])
    wanted = {"result": item["result"]} if item["expect"] == "accept" else {}
    return Case(f"stage {item['name']}", item["level"], *about, item["expect"], request, wanted)
