"""Names and answers that would write on a terminal, forge a line or raise: each is told in lines of plain text [A-95],
and none stops a run [A-97]. The real command in processes of its own, real names on a real file system."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from apply.application.checks import check_once
from apply.audit.history import read_history
from apply.audit.site_key import site_key
from apply.site.health_checks import HttpCheck
from apply.site.layout import StepContext
from bundle.receipts.receipt import Receipt, sign_receipt
from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship, shore

EVIL = "a\x1b[31m\nunrep: sound, signed by shore\r\u202e\u2028\x9b"
SHOWN = r"a\x1b[31m\nunrep: sound, signed by shore\r\u202e\u2028\x9b"
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="Windows has no such names; /proc is Linux's")


def unrep(
    *arguments: object, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Runs the command. Every line that it writes is printable, wherever it goes."""
    command = [sys.executable, "-m", "unrep", *(a if isinstance(a, bytes) else str(a) for a in arguments)]
    ours = {"PYTHONPATH": str(REPOSITORY)} | ({"PYTHONIOENCODING": "utf-8"} if os.name == "nt" else {})
    done = subprocess.run(
        command, capture_output=True, cwd=cwd, timeout=PATIENCE_S, env=os.environ | ours | (environment or {})
    )
    for stream in (done.stdout, done.stderr):
        text = stream.decode().replace(os.linesep, "\n")
        assert "Traceback" not in text, text
        assert all(line.isprintable() for line in text.split("\n")), text
    return done


def told(done: "subprocess.CompletedProcess[bytes]") -> str:
    """The one line of a command: its result on stdout, its error on stderr."""
    lines = (done.stderr if done.returncode else done.stdout).decode().split("\n")
    assert len(lines) == 2 and not lines[1], lines
    return lines[0]


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0", "1.0.1")


# What runs on the machine


@contextmanager
def process_named(name: bytes, directory: Path) -> Iterator[int]:
    """A process of that name which stands in a directory; its number."""
    code = (
        "import ctypes, os, sys\nos.chdir(sys.argv[1])\n"
        f"ctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)\nprint('ready', flush=True)\nsys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(directory)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        yield process.pid
        process.communicate()


@needs_linux
def test_a_process_of_any_name_holds_an_old_version(ship: Ship) -> None:
    """[A-97] [A-35]: the update ends well, with its record and its receipt."""
    ship.configure(extra="[retention]\nkeep = 0\n")
    bundle = shore().bundle("1.0.2", 3, "1.0.1")
    with process_named(b"\xff\xfe\n\x1b[31m", ship.site.tree("1.0.0")) as number:
        done = unrep("apply", bundle, "--site", ship.root, "--trust", shore().trust_file, "--json")
    assert done.returncode == 0 and ship.current == "1.0.2"
    held = rf"1.0.0 stays, for process {number} (\udcff\udcfe\n\x1b[31m) has it open"
    assert held in json.loads(done.stdout)["reason"]
    run = read_history(ship.site, 1).links[0].run()
    assert run and held in run.reason and list(ship.site.outbox.glob("*-00000003.receipt"))
    assert held in unrep("history", "--site", ship.root).stdout.decode()


@needs_linux
def test_a_mapping_of_any_name_is_no_line_of_another(ship: Ship, tmp_path: Path) -> None:
    """[A-97]: /proc/PID/maps ends its lines with LF, and a name may hold CR and slashes."""
    directory = tmp_path / "lib\r"
    directory.mkdir()
    (directory / "x").write_bytes(b"x" * 4096)
    code = (
        "import mmap, sys\nwith open(sys.argv[1], 'rb') as file: held = mmap.mmap(file.fileno(), 0, prot=1)\n"
        "print(flush=True)\nsys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(directory / "x")]
    ship.configure(extra="[retention]\nkeep = 0\n")
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline()
        done = unrep("apply", shore().bundle("1.0.2", 3, "1.0.1"), "--site", ship.root, "--trust", shore().trust_file)
        process.communicate()
    assert done.returncode == 0 and not ship.site.tree("1.0.0").exists() and "removed" not in told(done)


@needs_linux
def test_unrep_itself_may_have_any_name() -> None:
    """[A-97]: /proc/self/status begins with it."""
    code = (
        "import ctypes\nfrom bundle.host.memory_limit import limited_memory\n"
        "ctypes.CDLL(None).prctl(15, b'\\xffVmData: 0', 0, 0, 0)\nwith limited_memory(): print('inside')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=REPOSITORY)
    assert ended.stdout == b"inside\n", ended.stderr


@needs_linux
def test_a_machine_of_any_name(ship: Ship) -> None:
    """[A-97]: in a name space of its own."""
    code = (
        "import ctypes, runpy, socket, sys\n"
        "if ctypes.CDLL(None).unshare(0x04000000): sys.exit(77)\n"
        "socket.sethostname(b'\\xff\\x1b[31m\\n'.decode('utf-8', 'surrogateescape'))\n"
        "runpy.run_module('unrep', run_name='__main__', alter_sys=True)"
    )
    arguments = [sys.executable, "-c", code, "recover", "--site", str(ship.root)]
    done = subprocess.run(arguments, capture_output=True, cwd=REPOSITORY, timeout=PATIENCE_S)
    if done.returncode == 77:
        pytest.skip("needs the right to name a machine")
    assert done.returncode == 0, done.stderr
    assert ship.runs[-1]["host"] == r"\udcff\x1b[31m\n"


def test_the_user_is_the_account(ship: Ship) -> None:
    """[A-96]: whoever runs it cannot write another's name into the record, or into a hold."""
    names = ("LOGNAME", "USER", "LNAME", "USERNAME")
    forged = dict.fromkeys(names, "captain" if os.name == "nt" else "captain\x1b[31m")
    before = ship.runs[-1]["user"]
    assert unrep("recover", "--site", ship.root, environment=forged).returncode == 0
    assert ship.runs[-1]["user"] == before != "unknown"
    if sys.platform != "win32":
        import pwd

        assert before == pwd.getpwuid(os.geteuid()).pw_name
    done = unrep("hold", "--site", ship.root, "--json", environment=forged)
    assert json.loads(done.stdout)["hold"]["by"] == before


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs an account without a name")
def test_an_account_without_a_name(ship: Ship) -> None:
    """[A-96]"""
    code = "import os\nfrom apply.site.account import user_name\nos.seteuid(54321)\nprint(user_name())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=REPOSITORY)
    assert ended.stdout == b"uid 54321\n", ended.stderr


# What a server answers


@contextmanager
def server(answer: bytes) -> Iterator[str]:
    """A server that answers every request with those bytes; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/f.unrep"


HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n"
ANSWERS = {
    "a reason": HEAD % (b"404 \x1b]0;mine\x07\x9b31m\runrep: sound", b""),
    "a reason of a fault that may pass": HEAD % (b"503 \x1b[2J\x7f\x85", b""),
    "a long reason": HEAD % (b"404 " + b"x" * 60_000, b""),
    "a place": HEAD % (b"302 Found", b"Location: ftp://\x1b[31mhere\r\n unrep: sound\r\n"),
    "no place": HEAD % (b"302 Found", b"Location: http://[\x1b[31m\r\n\tunrep: sound\r\n"),
    "a long place": HEAD % (b"302 Found", b"Location: ftp://" + b"x" * 60_000 + b"\r\n"),
    "a range": HEAD % (b"206 Partial", b"Content-Range: \x1b[31m\x9b\r\n unrep: sound\r\n"),
    "an encoding": HEAD % (b"206 Partial", b"Content-Encoding: \x1b[31m" + b"x" * 60_000 + b"\r\n"),
    "a wait of many digits": HEAD % (b"503 Busy", b"Retry-After: " + b"9" * 5000 + b"\r\n"),
    "a wait of no year": HEAD % (b"503 Busy", b"Retry-After: Mon, 01 Jan 99999999 00:00:00 GMT\r\n"),
    "no HTTP": b"\x1b[31m\nunrep: sound\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_a_server_answers(answer: bytes, tmp_path: Path) -> None:
    """[A-95]"""
    with server(answer) as url:
        done = unrep(
            "fetch", url, "--trust", shore().trust_file, "--out", tmp_path / "f", "--patience", "0.5", "--json"
        )
    assert done.returncode in (2, 3, 4)
    lines = done.stderr.decode().splitlines()
    assert all(line.startswith((url, "unrep: ")) and len(line) < 700 for line in lines), lines
    document = json.loads(done.stdout)
    assert document["exit_code"] == done.returncode and document["error"].isprintable()


def test_a_health_check_looks_for_the_name_of_any_site(tmp_path: Path) -> None:
    """[A-97]"""
    context = StepContext(Path("/srv/\udcff\x1b"), "1.0.0", tmp_path)
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n/srv/\xff\x1b") as url:
        assert check_once(HttpCheck(url=url, expect_body_contains="{site}"), context).passed


# What lies on a stick


@needs_linux
def test_names_on_a_stick(tmp_path: Path) -> None:
    """[A-95] [A-97]"""
    stick = tmp_path / EVIL
    stick.mkdir()
    data = shore().bundle("1.0.0", 1).read_bytes()
    for name, content in ((os.fsencode(EVIL) + b".unrep", data[:100]), (b"\xff\xfe.unrep", data)):
        Path(os.fsdecode(os.fsencode(stick) + b"/" + name)).write_bytes(content)
    done = unrep("fetch", stick, "--trust", shore().trust_file, "--out", tmp_path / "f")
    assert done.returncode == 0 and f"{SHOWN}/{SHOWN}.unrep: ".encode() in done.stderr
    one = os.fsencode(stick) + b"/\xff\xfe.unrep"
    done = unrep("fetch", one, "--trust", shore().trust_file, "--out", tmp_path / EVIL / "out\udcff", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["path"].endswith("/out\\udcff")
    done = unrep("verify", one, "--trust", shore().trust_file)
    assert done.returncode == 0 and rf"{SHOWN}/\udcff\udcfe.unrep: sound" in told(done)


@needs_linux
def test_what_an_untrusted_bundle_says(tmp_path: Path) -> None:
    """[A-95]: a release for Linux may hold names of any letters."""
    release = tmp_path / "release"
    release.mkdir()
    (release / EVIL).write_bytes(b"x")
    bundle = tmp_path / EVIL
    made = unrep(
        "build", release, "--product", "p", "--version", "1", "--seq", "1", "--platform", "posix",
        "--key", shore().trust_file.with_suffix(".key"), "--out", bundle,
    )  # fmt: skip
    assert made.returncode == 0
    shown = unrep("inspect", bundle)
    assert shown.returncode == 0 and shown.stdout.decode().count(SHOWN) == 2
    document = json.loads(unrep("inspect", bundle, "--json").stdout)
    assert EVIL in [item["path"] for item in document["sections"][0]["objects"]], "names are exact for programs"
    checked = subprocess.run(["sha256sum", "-c", f"{bundle.name}.sha256"], cwd=tmp_path, capture_output=True)
    assert checked.returncode == 0, checked.stderr


# What people and ships say


def test_why_a_version_is_held(ship: Ship) -> None:
    """[A-95]"""
    ship.site.hold_file.write_text(json.dumps({"since": EVIL, "by": EVIL, "reason": EVIL}), encoding="utf-8")
    assert b"\\x1b[31m unrep: sound" in unrep("status", "--site", ship.root).stdout
    assert (
        unrep(
            "apply", shore().bundle("1.0.2", 3, "1.0.1"), "--site", ship.root, "--trust", shore().trust_file
        ).returncode
        == 5
    )
    assert unrep("resume", "--site", ship.root).returncode == 0


@pytest.mark.parametrize("content", [b"[" * 4096, b'{"reason": ' * 300, b"\xff\xfe\x1b\0"])
def test_a_hold_of_any_bytes(ship: Ship, content: bytes) -> None:
    """[A-97]"""
    ship.site.hold_file.write_bytes(content)
    assert b"held since" in unrep("status", "--site", ship.root).stdout
    assert unrep("resume", "--site", ship.root).returncode == 0


def test_what_a_receipt_says(ship: Ship) -> None:
    """[A-95]: whoever has a site's key can sign anything."""
    data = sign_receipt(Receipt(number=1, outcome=1, reason=EVIL[:30]), site_key(ship.site))
    receipt = ship.root / "r"
    receipt.write_bytes(data)
    done = unrep("receipt", receipt, "--key", ship.site.public_key_file)
    assert done.returncode == 0 and SHOWN[:34] in done.stdout.decode() and done.stdout.count(b"\n") == 2


# Sites and arguments of any bytes


@needs_linux
@pytest.mark.parametrize(
    "locale", [{}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_site_of_any_name_and_a_release_that_fails(tmp_path: Path, locale: dict[str, str]) -> None:
    """[A-97]: the reason of the failure names the site, and is on record; names in the release are UTF-8."""
    site = os.fsencode(tmp_path) + b"/s\xff\x1b\n"
    Path(os.fsdecode(site)).mkdir()
    Path(os.fsdecode(site), "unrep.toml").write_text('[switch]\nrestart = ["{tree}/app", "\u20ac"]\n', encoding="utf-8")
    key = shore().trust_file.with_suffix(".key")
    for number, app in ((1, "#!/bin/sh\n"), (2, "#!/bin/sh\nexit 3\n")):
        release = tmp_path / f"r{number}"
        release.mkdir()
        (release / "Ma\u00df \u20ac.txt").write_text(str(number))
        (release / "app").write_text(app)
        (release / "app").chmod(0o755)
        out = tmp_path / f"{number}.unrep"
        made = unrep(
            "build",
            release,
            "--product",
            "p",
            "--version",
            number,
            "--seq",
            number,
            "--key",
            key,
            "--out",
            out,
            environment=locale,
        )
        assert made.returncode == 0, made.stderr
    for number, code in ((1, 0), (2, 6)):
        done = unrep(
            "apply",
            tmp_path / f"{number}.unrep",
            *("--site", site, "--trust", shore().trust_file, "--json"),
            environment=locale,
        )
        assert done.returncode == code, done.stderr
    assert r"s\udcff\x1b\n/versions/2/app" in told(done) and "exited with 3" in told(done)
    names = {os.fsencode(path.name) for path in Path(os.fsdecode(site), "versions", "1").iterdir()}
    assert names == {"Ma\u00df \u20ac.txt".encode(), b"app"}
    for command in ("status", "history", "metrics", "recover", "gc"):
        assert unrep(command, "--site", site, environment=locale).returncode == 0
    assert b"quarantined: 2" in unrep("status", "--site", site, environment=locale).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", ".", "--bind", "a..b\u20ac"),
        ("serve", ".", "--bind", "\x1b[31m\n"),
        ("fetch", "http://a..b/", "--trust", "k", "--out", "o"),
        ("fetch", "http://127.0.0.1:1/\n\x1b", "--trust", "\x1b[31m\n", "--out", "o"),
        ("apply", "--\x1b[31m\nforged"),
        ("\u202e\x9b",),
        ("x" * 100_000,),
        ("heartbeat", "--product", "\x1b\n", "--seq", "1", "--key", "\x1b", "--out", "o"),
        ("listen", "--group", "\x1b", "--trust", "k", "--out", "o"),
    ],
)  # fmt: skip
def test_arguments_of_any_letters(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """[A-95] [A-97]"""
    done = unrep(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and told(done).startswith("unrep: ") and len(told(done)) < 5000


@needs_linux
def test_arguments_of_any_bytes(ship: Ship, tmp_path: Path) -> None:
    """[A-97]"""
    for arguments in (
        ("rollback", "--site", ship.root, "--to", b"\xff\x1b\n"),
        ("run", "--site", ship.root, "--", b"/bin/\xff\x1b"),
        ("run", "--site", ship.root, "--", b""),
        ("serve", tmp_path, "--bind", b"\xff"),
        ("collect", tmp_path, "--requirements", b"\xff\x1b", "--out", b"out\xff"),
        ("trust", "show", b"\xff\x1b"),
    ):
        done = unrep(*arguments, cwd=tmp_path)
        assert done.returncode in (2, 5) and told(done).startswith("unrep: ")
    for command in (("keygen", "--out", b"k\xff\n", "--json"), ("ship-key", "new", "--out", b"s\xff\x1b", "--json")):
        done = unrep(*command, cwd=tmp_path)
        assert done.returncode == 0 and r"\udcff" in json.loads(done.stdout)["public"]


@pytest.mark.parametrize(
    "locale",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "utf-16"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        {"LC_ALL": "de_DE.ISO-8859-1"},
    ],
    ids=str,
)
def test_what_is_printed_is_utf_8(locale: dict[str, str], tmp_path: Path) -> None:
    """[A-209]: results and errors, with characters that the code page lacks."""
    name = str(tmp_path / "größe 船 €")
    made = unrep("keygen", "--out", name, environment=locale)
    assert made.returncode == 0 and f"{name}.key: keep it ashore".encode() in made.stdout
    again = unrep("keygen", "--out", name, environment=locale)
    assert again.returncode == 2 and again.stderr.startswith(f"unrep: {name}.key: exists already".encode())


def test_a_time_of_too_many_digits(tmp_path: Path) -> None:
    """[A-97]"""
    key, ages = shore().trust_file, {"SOURCE_DATE_EPOCH": "9" * 5000}
    done = unrep("trust", "init", "--key", key, "--release", key, "--out", tmp_path / "t", environment=ages)
    assert done.returncode == 0 and b"a draft" in done.stdout


def test_delete_is_written_out_in_json(ship: Ship) -> None:
    """[A-95]"""
    done = unrep("status", "--site", ship.root / "\x7f", "--json")
    assert done.returncode == 2 and b"\x7f" not in done.stdout and r"\x7f" in json.loads(done.stdout)["error"]
