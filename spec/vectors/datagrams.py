"""Writes pull.json: datagrams of pull, each from its raw bytes, without the encoder.

python spec/vectors/datagrams.py
"""

import json
from pathlib import Path
from typing import Any

HEAD = "5550 01 {kind:02x} 04030201 07000000"  # "UP", version 1, kind, session 0x01020304, number 7
FIELDS = {"session": 0x01020304, "number": 7}
COOKIE, HANDLE = "c0c1c2c3c4c5c6c7", "a0a1a2a3a4a5a6a7"
PACKET = "ac05"  # 1,452
OPEN = HEAD.format(kind=1) + PACKET + "0000000000000000 00100000"
ASK = HEAD.format(kind=3) + COOKIE + HANDLE + PACKET
RANGE = "0000010000000000 ac050000"


def accepted(name: str, kind: str, requirement: str, raw: str, **fields: Any) -> dict[str, Any]:
    """A datagram that is read, and what it says."""
    side = "ship" if kind in ("open", "ask") else "server"
    return {
        "name": name,
        "from": side,
        "kind": kind,
        "requirements": [requirement],
        "expect": "accept",
        "fields": {**FIELDS, **fields},
        "hex": raw.replace(" ", ""),
    }


def refused(name: str, side: str, requirement: str, raw: str) -> dict[str, Any]:
    """A datagram with one defect."""
    return {
        "name": name,
        "from": side,
        "kind": "",
        "requirements": [requirement],
        "expect": "refuse",
        "hex": raw.replace(" ", ""),
    }


GOOD_OPEN = OPEN + "0700 2f62756e646c65"
VECTORS = [
    accepted("open", "open", "T-156", GOOD_OPEN, packet=1452, range=[0, 4096], path="/bundle"),
    accepted("open-padded", "open", "T-156", GOOD_OPEN + "00" * 60, packet=1452, range=[0, 4096], path="/bundle"),
    accepted("open-utf8", "open", "T-156", OPEN + "0300 2fc3a9", packet=1452, range=[0, 4096], path="/é"),
    accepted(
        *("ask", "ask", "T-157", ASK + RANGE),
        cookie=COOKIE,
        handle=HANDLE,
        packet=1452,
        ranges=[[65536, 1452]],
    ),
    accepted(
        *("ask-sixteen", "ask", "T-157", ASK + RANGE * 16),
        cookie=COOKIE,
        handle=HANDLE,
        packet=1452,
        ranges=[[65536, 1452]] * 16,
    ),
    accepted(
        *("grant", "grant", "T-158", HEAD.format(kind=2) + COOKIE + HANDLE + "40420f0000000000"),
        cookie=COOKIE,
        handle=HANDLE,
        total_bytes=1_000_000,
    ),
    accepted("data", "data", "T-158", HEAD.format(kind=4) + "0000010000000000 00ff", offset=65536, data="00ff"),
    accepted("no-file", "refusal", "T-158", HEAD.format(kind=5) + "01" + "00" * 8, reason=1, cookie="00" * 8),
    accepted("cookie", "refusal", "T-158", HEAD.format(kind=5) + "03" + COOKIE, reason=3, cookie=COOKIE),
    refused("empty", "ship", "T-156", ""),
    refused("magic", "ship", "T-156", GOOD_OPEN.replace("5550", "5551", 1)),
    refused("version", "ship", "T-156", GOOD_OPEN.replace("5550 01", "5550 02", 1)),
    refused("kind", "ship", "T-156", GOOD_OPEN.replace("5550 01 01", "5550 01 00", 1)),
    refused("open-cut", "ship", "T-156", GOOD_OPEN[:-2]),
    refused("open-padding", "ship", "T-156", GOOD_OPEN + "01"),
    refused("open-path-bytes", "ship", "T-156", OPEN + "0200 2fff"),
    refused("open-path-long", "ship", "T-156", OPEN + "0104" + "2f" * 1025),
    refused("open-nothing", "ship", "T-156", GOOD_OPEN.replace("00100000", "00000000", 1)),
    refused("open-too-long", "ship", "T-156", GOOD_OPEN + "00" * 1440),
    refused("packet-short", "ship", "T-157", (ASK + RANGE).replace(PACKET, "ff00", 1)),
    refused("packet-long", "ship", "T-157", (ASK + RANGE).replace(PACKET, "ad05", 1)),
    refused("ask-no-range", "ship", "T-157", ASK),
    refused("ask-seventeen", "ship", "T-157", ASK + RANGE * 17),
    refused("ask-half", "ship", "T-157", ASK + RANGE + "00"),
    refused("ask-empty", "ship", "T-157", ASK + "0000010000000000 00000000"),
    refused("ask-beyond", "ship", "T-157", ASK + "ffffffffffff1f00 01000000"),
    refused("answer-from-ship", "ship", "T-158", HEAD.format(kind=4) + "0000010000000000 00ff"),
    refused("request-from-server", "server", "T-157", ASK + RANGE),
    refused("grant-long", "server", "T-158", HEAD.format(kind=2) + COOKIE + HANDLE + "40420f0000000000 00"),
    refused("grant-huge", "server", "T-158", HEAD.format(kind=2) + COOKIE + HANDLE + "0000000000002000"),
    refused("data-none", "server", "T-158", HEAD.format(kind=4) + "0000010000000000"),
    refused("data-cut", "server", "T-158", HEAD.format(kind=4) + "00000100000000"),
    refused("refusal-reason", "server", "T-158", HEAD.format(kind=5) + "05" + "00" * 8),
    refused("refusal-long", "server", "T-158", HEAD.format(kind=5) + "01" + "00" * 9),
]


def main() -> None:
    """Writes the file beside this one."""
    text = json.dumps({"datagrams": VECTORS}, indent=1, ensure_ascii=False) + "\n"
    Path(__file__).with_name("pull.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
