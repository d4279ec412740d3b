"""The stage vectors of archives, made without our code: opened by our rules, and made again of what that gives."""

import json
from typing import Any

import pytest

from bundle.archives.codings import Coding
from bundle.archives.skeleton import rebuild
from bundle.format.objects import MemoryObject
from tests.support.contents.opened_archives import AMPLE, skeleton_of, streams_in
from tests.support.repository import REPOSITORY

DOCUMENT = json.loads((REPOSITORY / "spec" / "vectors" / "vectors.json").read_text("utf-8"))
ARCHIVES = [item for item in DOCUMENT["stages"] if item["stage"] == "archive"]


@pytest.mark.parametrize("item", ARCHIVES, ids=lambda item: item["name"])
def test_archive(item: dict[str, Any]) -> None:
    """[F-46] [F-47] [F-59] [F-76]"""
    data, parts = bytes.fromhex(item["data"]), item["result"]
    skeleton, streams = bytes.fromhex(parts["skeleton"]), [bytes.fromhex(stream) for stream in parts["streams"]]
    assert skeleton_of(data) == skeleton
    assert [stream.length for stream in streams_in(data)] == [len(stream) for stream in streams]
    made = rebuild(MemoryObject(skeleton), map(MemoryObject, streams), [Coding.DEFLATE] * len(streams), AMPLE)
    assert b"".join(made) == data
