"""A mailbox of a gigabyte: `unrep fleet take` in seconds and peak memory.

    python -m bench.mailbox [--mib 1024] [--ships 100]

Nine mails of ten bring receipts, a few kB each. The tenth brings photos: 3 MB, at times one just under the bound of a
message. The mailbox is written once, and taken in twice.
"""

import argparse
import base64
import mailbox
import random
import tempfile
from email.message import EmailMessage
from pathlib import Path

from bench.scale import unrep
from fleet.intake.mail import MAX_MESSAGE_BYTES
from tests.support.fleet.office import Office
from tests.support.fleet.ships import DAY_S, Ship, added

_PHOTO_BYTES = 3_000_000
_BEGINS = b"From ship@example.org Thu Jan  1 00:00:00 1970\n"


def write(path: Path, ships: list[Ship], size: int, start: float) -> tuple[int, int]:
    """Writes a mailbox of that size. Returns how many mails and receipts are in it."""
    rng, mails, receipts = random.Random(1), 0, 0
    photo = _photo(rng.randbytes(_PHOTO_BYTES))
    largest = _photo(rng.randbytes(MAX_MESSAGE_BYTES * 7 // 10))
    with path.open("wb") as file:
        while file.tell() < size:
            mails += 1
            if mails % 10:
                ship = ships[mails % len(ships)]
                said = [ship.says("alive", start + ship.number * DAY_S / 10) for _ in range(5)]
                receipts += len(said)
                file.write(_BEGINS + _mail(ship.name, said) + b"\n")
            else:
                file.write(_BEGINS + (largest if mails % 1_000 == 0 else photo) + b"\n")
    return mails, receipts


def _photo(data: bytes) -> bytes:
    head = b"Subject: a photo\nContent-Transfer-Encoding: base64\n"
    return head + b'Content-Disposition: attachment; filename="a.jpg"\n\n' + base64.encodebytes(data)


def _mail(name: str, said: list[bytes]) -> bytes:
    message = EmailMessage()
    message["Subject"] = name
    message.set_content("Receipts.\n")
    for number, receipt in enumerate(said):
        message.add_attachment(receipt, maintype="application", subtype="x", filename=f"{number}.receipt")
    return bytes(mailbox.mboxMessage(message))


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--ships", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        office = Office.begun(root, None, versions=1)
        ships = [Ship(f"MV {number:03}") for number in range(asked.ships)]
        added(office.database, ships)
        office.database.close()
        mails, receipts = write(root / "box", ships, asked.mib << 20, office.now - 3_000 * DAY_S)
        print(f"{(root / 'box').stat().st_size:,} bytes, {mails:,} mails, {receipts:,} receipts", flush=True)
        for turn in ("taken in", "once more"):
            cost = unrep(root, "fleet", "take", root / "box", "--repo", root / "repo")
            print(
                f"{turn}: {cost.wall_s:.1f} s, {cost.cpu_s:.1f} s of CPU, peak {cost.peak_bytes / 2**20:,.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
