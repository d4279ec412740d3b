"""The files of a server of pull, and its socket [T-162], [T-170]."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.nginx import free_port
from tests.support.observers.command import run
from tests.support.packets.simulated import PATH
from transfer.errors import OutputRefused, SourceRefused
from transfer.pull.datagrams import PACKET_BYTES, Ask, Data, Grant, Open, Reason, Refusal, read_answer
from transfer.serving.granted_files import CHECKED_S, MAX_OPEN, GrantedFiles
from transfer.serving.pull_server import PullServer

DATA = tiny_bundle(Shape(full_bytes=90_000)).data
OTHER = tiny_bundle(Shape(full_bytes=50_000)).data


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_file_is_granted_until_it_is_another_one(tmp_path: Path) -> None:
    """[T-162]"""
    clock = Clock()
    files = GrantedFiles(tmp_path, clock)
    (tmp_path / "bundle").write_bytes(DATA)
    granted = files.by_path(PATH)
    assert granted is not None and granted.read(10, 50) == DATA[10:60] and granted.total_bytes == len(DATA)
    clock.now += 2 * CHECKED_S
    assert files.by_handle(granted.handle) is granted
    (tmp_path / "new").write_bytes(OTHER)
    (tmp_path / "new").replace(tmp_path / "bundle")
    clock.now += 2 * CHECKED_S
    assert files.by_handle(granted.handle) is None
    again = files.by_path(PATH)
    assert again is not None and again.handle != granted.handle and again.read(0, 9) == OTHER[:9]
    (tmp_path / "bundle").unlink()
    clock.now += 2 * CHECKED_S
    assert files.by_handle(again.handle) is None and files.by_path(PATH) is None
    assert again.read(0, 9) == b""
    files.close()


def test_a_restarted_server_gives_the_same_handle(tmp_path: Path) -> None:
    """[T-162]"""
    (tmp_path / "bundle").write_bytes(DATA)
    handles: list[bytes] = []
    for _ in range(2):
        files = GrantedFiles(tmp_path, Clock())
        assert files.by_handle(handles[-1] if handles else b"x" * 8) is None
        found = files.by_path(PATH)
        assert found is not None
        handles.append(found.handle)
        files.close()
    assert handles[0] == handles[1]


def test_only_so_many_files_are_open(tmp_path: Path) -> None:
    files = GrantedFiles(tmp_path, Clock())
    for number in range(MAX_OPEN + 5):
        (tmp_path / f"f{number}").write_bytes(DATA)
    found = [files.by_path(f"/f{number}") for number in range(MAX_OPEN + 5)]
    assert [one is not None and one.read(0, 4) == DATA[:4] for one in found] == [False] * 5 + [True] * MAX_OPEN
    files.close()


@pytest.mark.parametrize("path", ["/../secret", "/.hidden", "/secret", "/", "", "/%2e%2e/secret", "/bundle/x", "/a\0b"])
def test_nothing_else_is_shown(path: str, tmp_path: Path) -> None:
    """[T-60]"""
    (tmp_path / "www").mkdir()
    for name in ("www/.hidden", "www/bundle", "secret"):
        (tmp_path / name).write_bytes(DATA)
    (tmp_path / "www" / "secret").write_bytes(b"a key")
    assert GrantedFiles(tmp_path / "www", Clock()).by_path(path) is None


def test_many_ships_at_once(tmp_path: Path) -> None:
    """[T-170]: each from a port of its own, through one socket and one thread."""
    (tmp_path / "bundle").write_bytes(DATA)
    server = PullServer(tmp_path, "127.0.0.1", 0)
    server.start()
    got: dict[int, bytes] = {}

    def sail(number: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ship:
            ship.settimeout(10)
            ship.connect(("127.0.0.1", server.port))
            ship.send(Open(number, 1, PACKET_BYTES, (0, 1), PATH).pack())
            grant = read_answer(ship.recv(2000))
            assert isinstance(grant, Grant) and grant.session == number
            ship.recv(2000)
            parts: dict[int, bytes] = {}
            for at in range(0, len(DATA), 8 * PACKET_BYTES):
                ship.send(Ask(number, 2, grant.cookie, grant.handle, PACKET_BYTES, ((at, 8 * PACKET_BYTES),)).pack())
                while sum(len(one) for one in parts.values()) < min(at + 8 * PACKET_BYTES, len(DATA)):
                    data = read_answer(ship.recv(2000))
                    assert isinstance(data, Data)
                    parts[data.offset] = data.data
            got[number] = b"".join(parts[at] for at in sorted(parts))

    ships = [threading.Thread(target=sail, args=[number]) for number in range(1, 21)]
    for ship in ships:
        ship.start()
    for ship in ships:
        ship.join(30)
    server.close()
    assert len(got) == 20 and set(got.values()) == {DATA}
    assert server.counts.sent_bytes > 20 * len(DATA)


def test_a_flood_of_garbage_does_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(DATA)
    server = PullServer(tmp_path, "127.0.0.1", 0)
    server.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ship:
        ship.settimeout(5)
        for number in range(300):
            length = 60_000 if number % 50 == 0 else number * 5 % 1600
            ship.sendto(os.urandom(length), ("127.0.0.1", server.port))
        time.sleep(0.2)
        ship.sendto(Open(7, 1, PACKET_BYTES, (0, 1), "/none").pack(), ("127.0.0.1", server.port))
        refusal = read_answer(ship.recv(2000))
    server.close()
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.NO_FILE


def test_what_cannot_be_served_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="no such directory"):
        PullServer(tmp_path / "none", "127.0.0.1", 0)
    first = PullServer(tmp_path, "127.0.0.1", 0)
    for bind, port in (("127.0.0.1", first.port), ("no.such.host.invalid", 0), ("a\0b", 0)):
        with pytest.raises(OutputRefused, match="UDP"):
            PullServer(tmp_path, bind, port)
    first.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals to one process")
def test_the_command_serves_over_udp_and_says_what_it_did(tmp_path: Path) -> None:
    """[T-170], [T-185]"""
    (tmp_path / "bundle").write_bytes(DATA)
    port = free_port()
    command = [sys.executable, "-m", "unrep", "serve", str(tmp_path), "--port", str(port), "--udp", "--udp-rate", "5M"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert f"served at udp://127.0.0.1:{port}/" in process.stderr.readline()
        assert f"served at http://127.0.0.1:{port}/" in process.stderr.readline()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ship:
            ship.settimeout(10)
            ship.sendto(Open(7, 1, PACKET_BYTES, (0, 1), PATH).pack(), ("127.0.0.1", port))
            assert isinstance(read_answer(ship.recv(2000)), Grant)
        with urlopen(f"http://127.0.0.1:{port}/bundle") as answer:
            assert answer.headers["Alt-Svc"] == f'unrep-pull=":{port}"'
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert "\nudp: 1 requests, " in process.stderr.read()


def test_a_rate_without_udp_is_refused(tmp_path: Path) -> None:
    code, _, said = run("serve --udp-rate 5M", tmp_path)
    assert code == 2 and "--udp-rate" in said
