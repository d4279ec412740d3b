"""A bad link at packet level: two network namespaces, the kernel's real TCP and UDP in both, and a relay in between.

    with network(PacketPath(down_bit_s=2_000_000, rtt_s=0.6, loss=0.02), seed=1) as net:
        root = net.serve()                             # nginx in the server's namespace
        (root / "bundle").write_bytes(b"...")
        run = net.run(["curl", "-so", "out", net.url("bundle")], most_s=300)
        print(run.seconds, net.stats(), net.path.earliest_s(length))

Needs Linux, root (CAP_NET_ADMIN), `ip` of iproute2 and /dev/net/tun; `netem` is not needed. Elsewhere the test is
skipped, and the reason says what is missing. Nothing leaves the two namespaces: they have no other interface.
Everything is taken away at the end. What a killed run left is swept by the next. IPv6 vanishes on the link.
"""

import contextlib
import itertools
import multiprocessing
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.support.packets.path import MTU, PacketPath
from tests.support.packets.relay import COUNTERS, EPOCH, Relay

if sys.platform == "linux":
    import fcntl

SERVER, SHIP, SHIP_LATER = "10.77.0.1", "10.77.0.2", "10.77.0.3"
NGINX = """\
user root root; daemon off; pid "{prefix}/nginx.pid"; error_log "{prefix}/error.log"; worker_processes 1;
events {{ worker_connections 1024; }}
http {{ access_log "{prefix}/access.log"; default_type application/octet-stream; sendfile on; tcp_nopush on;
  client_body_temp_path "{prefix}/t1"; proxy_temp_path "{prefix}/t2"; fastcgi_temp_path "{prefix}/t3";
  uwsgi_temp_path "{prefix}/t4"; scgi_temp_path "{prefix}/t5";
  server {{ listen 80; {tls} root "{root}"; }} }}
"""
NAMES, NOWHERE = Path("/etc/netns"), "fd77::"
_TUN = Path("/dev/net/tun")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_START_S = 0.5


@dataclass(frozen=True)
class Run:
    """A command's end; `seconds` is None if it was killed because it took too long."""

    seconds: float | None
    returncode: int | None
    output: str


class Network:
    """The two namespaces and the link. Made by `network`."""

    _numbers = itertools.count()

    def __init__(self, path: PacketPath, seed: int, congestion: str) -> None:
        self.path, self.seed = path, seed
        self._congestion = congestion
        self._tag = f"{os.getpid()}x{next(self._numbers)}"
        self.server_ns, self.ship_ns = f"lks{self._tag}", f"lkh{self._tag}"
        self._stack = contextlib.ExitStack()
        self._began = 0.0

    def stand_up(self) -> None:
        """Makes the namespaces, their devices, and the relay."""
        _sweep()
        self.directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="link")))
        ends = enumerate(((self.server_ns, SERVER), (self.ship_ns, SHIP)))
        server, ship = [self._device(side, namespace, address) for side, (namespace, address) in ends]
        # By route, for a namespace may not set what the machine has not allowed to all.
        route = ("route", "replace", "10.77.0.0/24", "dev", "sat0", "proto", "kernel", "scope", "link", "src", SERVER)
        _ip("-n", self.server_ns, *route, "congctl", self._congestion)
        for namespace in (self.server_ns, self.ship_ns):
            # Otherwise a connection begins with what an earlier one has learnt.
            _run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")
        context = multiprocessing.get_context("fork")
        self._shared = context.Array("d", EPOCH + 1, lock=False)
        relay = Relay(server, ship, self.path, self.seed, self._shared)
        process = context.Process(target=relay.run, daemon=True)
        process.start()
        self._stack.callback(process.join, 5)
        self._stack.callback(process.terminate)

    def close(self) -> None:
        """Ends what runs, and takes everything away."""
        self._stack.close()

    # -- what stands at both ends

    def serve(self, pem: Path | None = None) -> Path:
        """Starts nginx on port 80 over a directory, which it returns. With a certificate and its key, on 443 too."""
        root, prefix = self.directory / "www", self.directory / "nginx"
        root.mkdir(exist_ok=True)
        prefix.mkdir(exist_ok=True)
        tls = f'listen 443 ssl; ssl_certificate "{pem}"; ssl_certificate_key "{pem}";' if pem else ""
        (prefix / "nginx.conf").write_text(NGINX.format(prefix=prefix, root=root, tls=tls))
        nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or "nginx"
        self.start(self.server_ns, [nginx, "-p", str(prefix), "-c", f"{prefix}/nginx.conf", "-e", f"{prefix}/e.log"])
        time.sleep(_START_S)
        return root

    def url(self, name: str, scheme: str = "http", port: int = 80, host: str = SERVER) -> str:
        """The address of a file at the server."""
        return f"{scheme}://{host}:{port}/{name}"

    def name_server(self, host: str) -> None:
        """Aboard, the server has that name, with an address of IPv6 that leads nowhere beside the other."""
        hosts = NAMES / self.ship_ns / "hosts"  # where `ip netns exec` finds what it puts over /etc/hosts
        hosts.parent.mkdir(parents=True)
        self._stack.callback(shutil.rmtree, hosts.parent)
        hosts.write_text(f"127.0.0.1 localhost\n{SERVER} {host}\n{NOWHERE}1 {host}\n")
        _ip("-n", self.ship_ns, "addr", "add", f"{NOWHERE}2/64", "dev", "sat0", "nodad")

    def start(
        self, namespace: str, command: Sequence[str], output: int | IO[bytes] = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Starts a command in a namespace; it is ended, with its children, with the network."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        self._stack.callback(_end, process)
        return process

    def begin(self) -> None:
        """Starts the clock of the weather, and the counters; `run` does it."""
        for at in range(EPOCH):
            self._shared[at] = 0.0
        self._began = self._shared[EPOCH] = time.monotonic()

    def run(self, command: Sequence[str], most_s: float = 600) -> Run:
        """Runs a command aboard, from the start of the weather on."""
        with tempfile.TemporaryFile() as output:
            self.begin()
            process = self.start(self.ship_ns, command, output)
            new_address_at = self.path.new_address_at
            while (code := process.poll()) is None and (now := time.monotonic() - self._began) < most_s:
                if new_address_at is not None and now >= new_address_at:
                    self.replace_address()
                    new_address_at = None
                time.sleep(0.02)
            seconds = time.monotonic() - self._began if code is not None else None
            _end(process)
            output.seek(0)
            return Run(seconds, code, output.read().decode(errors="replace"))

    def replace_address(self) -> None:
        """Aboard: the address goes, and another one comes."""
        _ip("-n", self.ship_ns, "addr", "add", f"{SHIP_LATER}/24", "dev", "sat0")
        _ip("-n", self.ship_ns, "addr", "del", f"{SHIP}/24", "dev", "sat0")
        _ip("-n", self.ship_ns, "addr", "replace", f"{SHIP_LATER}/24", "dev", "sat0")

    def stats(self) -> dict[str, int]:
        """Packets and bytes so far: `down_sent_bytes` were put on the link, `down_bytes` came through."""
        return {name: int(self._shared[at]) for at, name in enumerate(COUNTERS)}

    def _device(self, side: int, namespace: str, address: str) -> int:
        _ip("netns", "add", namespace)
        self._stack.callback(_ip, "netns", "del", namespace, check=False)
        name = f"lk{side}{self._tag}"[:15]
        fd = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
        self._stack.callback(os.close, fd)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
        _ip("link", "set", name, "netns", namespace)
        for command in (
            ("link", "set", "lo", "up"),
            ("link", "set", name, "name", "sat0"),
            ("addr", "add", f"{address}/24", "dev", "sat0"),
            ("link", "set", "sat0", "mtu", str(MTU), "txqueuelen", "2000", "up"),
        ):
            _ip("-n", namespace, *command)
        return fd


@contextlib.contextmanager
def network(path: PacketPath, seed: int = 1, congestion: str = "cubic") -> Iterator[Network]:
    """The network, with that congestion control at the server. Skips the test where there can be none."""
    if missing := what_is_missing():
        pytest.skip(f"no link at packet level here: {missing}")
    net = Network(path, seed, congestion)
    try:
        net.stand_up()
        yield net
    finally:
        net.close()


def what_is_missing() -> str:
    """What this machine lacks for a network; empty if nothing."""
    if sys.platform != "linux":
        return "it needs Linux"
    if os.geteuid() != 0:
        return "it needs root, or CAP_NET_ADMIN"
    if not _TUN.exists():
        return f"it needs {_TUN}"
    if not shutil.which("ip"):
        return "it needs ip of iproute2: tests/support/machines/debian_packages.sh installs it on Debian"
    probe = f"lkp{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return "it may not make network namespaces"
    _ip("netns", "del", probe, check=False)
    return ""


def _sweep() -> None:
    """Takes away the namespaces of runs that are gone, with what is left in them."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    for namespace, pid in re.findall(r"^(lk[sh](\d+)x\d+)\b", listed, re.MULTILINE):
        if not Path("/proc", pid).exists():
            inside = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
            for left in inside.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(left), signal.SIGKILL)
            _ip("netns", "del", namespace, check=False)
            shutil.rmtree(NAMES / namespace, ignore_errors=True)


def _run(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, stdin=subprocess.DEVNULL, capture_output=not check)


def _ip(*arguments: str, check: bool = True) -> None:
    _run("ip", *arguments, check=check)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
