"""[L-11], [L-12] What is found in folders, zips, mailboxes and messages, and what cannot be read."""

import io
import mailbox
import os
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from fleet.errors import SourceUnreadable
from fleet.intake import mail
from fleet.intake.sources import Sources
from tests.support.observers.memory import peak_of

R = [f"receipt {number}".encode() for number in range(9)]


def message(*attached: tuple[str, bytes], text: str = "Good morning.\n\nFrom here on all is well.\n") -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"] = "receipts", "mercy@example.org"
    made.set_content(text)
    for name, data in attached:
        made.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return made


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def found(*paths: Path) -> tuple[list[bytes], list[str]]:
    sources = Sources(paths)
    return [one.data for one in sources.find()], sources.troubles


def test_a_folder_of_folders(tmp_path: Path) -> None:
    (tmp_path / "in" / "mercy").mkdir(parents=True)
    for name, data in {"b.receipt": R[1], "a.receipt": R[0], "mercy/c.receipt": R[2], "readme.txt": b"no"}.items():
        (tmp_path / "in" / name).write_bytes(data)
    (tmp_path / "in" / "z.zip").write_bytes(zipped(("x/d.receipt", R[3]), ("note.txt", b"no")))
    (tmp_path / "in" / "m.eml").write_bytes(bytes(message(("e.receipt", R[4]))))
    assert found(tmp_path / "in") == ([R[0], R[1], R[4], R[2], R[3]], [])


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.receipt").write_bytes(R[0])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.receipt").symlink_to(tmp_path / "secret.receipt")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in" / "pipe.receipt")
    data, troubles = found(tmp_path / "in")
    assert data == [] and len(troubles) == 1 and "pipe.receipt: not a regular file" in troubles[0]


def test_a_path_that_was_named_is_taken_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "anything").write_bytes(R[0])
    (tmp_path / "archive.bin").write_bytes(zipped(("a.receipt", R[1])))
    assert found(tmp_path / "anything", tmp_path / "archive.bin")[0] == [R[0], R[1]]
    with pytest.raises(SourceUnreadable, match=r"no-such: is not there; name a folder"):
        found(tmp_path / "no-such")


def test_mailboxes_as_python_writes_them(tmp_path: Path) -> None:
    mbox, maildir = mailbox.mbox(tmp_path / "Inbox"), mailbox.Maildir(tmp_path / "Maildir")
    for number in range(3):
        for box in (mbox, maildir):
            box.add(message((f"{number}.receipt", R[number]), (f"{number}.zip", zipped(("x.receipt", R[number + 3])))))
    mbox.flush()
    expected = [data for number in range(3) for data in (R[number], R[number + 3])]
    assert found(tmp_path / "Inbox") == (expected, [])
    data, troubles = found(tmp_path / "Maildir")
    assert sorted(data) == sorted(expected) and troubles == []


def test_a_message_within_a_message(tmp_path: Path) -> None:
    outer = message()
    outer.add_attachment(message(("a.receipt", R[0])))
    (tmp_path / "forwarded.eml").write_bytes(bytes(outer))
    assert found(tmp_path / "forwarded.eml")[0] == [R[0]]


@pytest.mark.parametrize(
    "broken",
    [
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Disposition: attachment; filename*=zz'q'%ff\n\nA",
        b'Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: a/b; name="=?no?q?\xff?="\n\n=FF',
        b"\0" * 5_000,
        b"Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.receipt\n\n!!!=",
    ],
)
def test_a_message_that_is_broken_stops_nothing(broken: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(broken)
    (tmp_path / "b.eml").write_bytes(bytes(message(("b.receipt", R[1]))))
    assert R[1] in found(tmp_path)[0]


def test_a_zip_that_is_broken_or_a_bomb_is_named_and_the_rest_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(("a.receipt", R[0]))[:-30])
    (tmp_path / "b.zip").write_bytes(zipped(("bomb.receipt", b"\0" * 50_000_000), ("ok.receipt", R[1])))
    data, troubles = found(tmp_path)
    assert data == [b"\0" * 301, R[1]] and len(troubles) == 1 and "a.zip: a zip that cannot be read" in troubles[0]


def test_a_message_that_is_too_long_is_named_and_the_rest_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "MAX_MESSAGE_BYTES", 10_000)
    box = mailbox.mbox(tmp_path / "Inbox")
    box.add(message(("a.receipt", R[0]), text="long\n" * 10_000))
    box.add(message(("b.receipt", R[1])))
    box.flush()
    data, troubles = found(tmp_path / "Inbox")
    assert data == [R[1]] and "Inbox, message 1: over" in troubles[0]


@pytest.mark.slow
def test_a_large_mailbox_takes_little_memory(tmp_path: Path) -> None:
    one = b"From mercy@example.org Thu Jan  1 00:00:00 1970\n" + bytes(
        message(("a.receipt", R[0]), text="x" * 70 + "\n")
    )
    filler = b"From office@example.org Thu Jan  1 00:00:00 1970\nSubject: photo\n\n" + b"A" * 76 + b"\n"
    with (tmp_path / "Inbox").open("wb") as file:
        for _ in range(60):
            file.write(one + b"\n" + filler + (b"B" * 76 + b"\n") * 26_000 + b"\n")
    assert (tmp_path / "Inbox").stat().st_size > 120_000_000
    with peak_of(60_000_000):
        assert len(found(tmp_path / "Inbox")[0]) == 60
