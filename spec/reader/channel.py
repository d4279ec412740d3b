"""Channel files, from the text of spec/transfer.md, section 8, alone."""

import re
from typing import Any

from tree import is_device, keyed
from trust import PRODUCT, Trust
from wire import MAX_INT, decode, need

MAX_CHANNEL = 16_384
CHANNEL = {"product": str, "channel": str, "counter": int, "release": list, "bundles": list}
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")


def read_channel(data: bytes, trust: Trust) -> dict[str, Any]:
    """Its fields [T-138]; which counters were seen before is no part of this reader."""
    name = "the channel file"
    need(len(data) <= MAX_CHANNEL, f"{name} has {len(data)} bytes")
    value = decode(data, name)
    need(type(value) is list and len(value) == 2 and type(value[0]) is bytes, f"{name} is no pair of payload and block")
    trust.after_block(name, "channel/2", value[0], value[1])
    fields = keyed(decode(value[0], name), CHANNEL, {}, name)
    need(bool(PRODUCT.fullmatch(fields["product"])), f"{name}: product is none")
    need(bool(NAME.fullmatch(fields["channel"])) and not is_device(fields["channel"]), f"{name}: channel is no name")
    need(fields["counter"] >= 1, f"{name}: counter is below 1")
    check_release(fields["release"])
    files = [check_bundle(bundle) for bundle in fields["bundles"]]
    need(len(set(files)) == len(files), f"{name} names a file twice")
    return fields


def check_bundle(value: Any) -> str:
    """The name of its file [T-140]."""
    typed(value, [str, int, bytes, list, int, int, list])
    file, length, root, release, room, full, bases = value
    need(bool(FILE.fullmatch(file)), "a bundle's file name is none")
    need(1 <= length <= MAX_INT and room >= 0 and len(root) == 32, "a bundle's length, room or root is none")
    check_release(release)
    for base in bases:
        typed(base, [bytes, int])
        need(len(base[0]) == 8, "a base has not 8 bytes")
    need(len({base[0] for base in bases}) == len(bases), "a base stands twice")
    need(all(0 <= cost <= length for cost in (full, *(base[1] for base in bases))), "a bundle costs more than it has")
    return file


def check_release(value: Any) -> None:
    """[T-139]"""
    typed(value, [str, int, int, bytes])
    version, epoch, seq, tree = value
    sound = VERSION.fullmatch(version) and not version.endswith(".") and not is_device(version)
    need(bool(sound), "a release's version is none")
    need(epoch >= 0 and seq >= 1 and len(tree) == 32, "a release's epoch, seq or tree is none")


def typed(value: Any, types: list[type]) -> None:
    need(type(value) is list and [type(item) for item in value] == types, "the channel file has another item than said")
