"""Programs that write deflate, each by an encoder of its own, and the streams that they make.

A program that is not installed is named when its test skips. `debian_packages.sh` installs them.
"""

import shutil
import subprocess
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cramjam
import pytest
from isal import isal_zlib
from zlib_ng import zlib_ng

from bundle.archives.streams import find_streams
from bundle.format.objects import MemoryObject

_GO = """package main
import ("compress/gzip"; "io"; "os"; "strconv")
func main() {
	level, _ := strconv.Atoi(os.Args[1])
	out, _ := gzip.NewWriterLevel(os.Stdout, level)
	io.Copy(out, os.Stdin)
	out.Close()
}
"""
_NODE = "process.stdout.write(require('zlib').gzipSync(require('fs').readFileSync(0), {level: +process.argv[1]}))"
Encoder = Callable[[bytes, Path], bytes]
_STRATEGIES = {"filtered": zlib.Z_FILTERED, "huffman": zlib.Z_HUFFMAN_ONLY, "rle": zlib.Z_RLE, "fixed": zlib.Z_FIXED}

# Of commands that pack standard input to standard output, as gzip files.
_FILTERS = {
    **{f"gzip -{level}": ["gzip", "-nc", f"-{level}"] for level in range(1, 10)},
    **{f"pigz -{level}": ["pigz", "-nc", f"-{level}"] for level in (0, 1, 6, 9)},
    "pigz in blocks of 32 KiB": ["pigz", "-ncb", "32"],
    "pigz -11, which is zopfli": ["pigz", "-nc", "-11"],
    **{f"libdeflate-gzip -{level}": ["libdeflate-gzip", "-c", f"-{level}"] for level in (1, 6, 9, 12)},
    **{f"node zlib {level}": ["node", "-e", _NODE, str(level)] for level in (1, 6, 9)},
}
# Of commands that pack the file `plain` to a file.
_PACKERS = {
    **{f"zip -{level}": ["zip", "-qX", f"-{level}", "out.zip", "plain"] for level in (1, 6, 9)},
    **{f"7z -mx={level}": ["7z", "a", "-bd", "-tzip", f"-mx={level}", "out.zip", "plain"] for level in (1, 5, 9)},
    "7z gzip": ["7z", "a", "-bd", "-tgzip", "out.gz", "plain"],
    "zopfli": ["zopfli", "--i3", "plain"],
}


def encoders() -> dict[str, Encoder]:
    """By name: what gives the raw deflate stream of some bytes. The directory is for its files, and is empty."""
    return {
        **{name: partial(_filtered, command) for name, command in _FILTERS.items()},
        **{name: partial(_packed, command) for name, command in _PACKERS.items()},
        **{f"go {level}": partial(_go, level) for level in (-2, 0, 1, 6, 9)},
        **{f"zlib {level}": partial(_zlib, level, zlib.Z_DEFAULT_STRATEGY) for level in range(10)},
        **{f"zlib {name}": partial(_zlib, 6, strategy) for name, strategy in _STRATEGIES.items()},
        "zlib with flushes": _flushed,
        "miniz": lambda plain, _: bytes(cramjam.deflate.compress(plain, level=6)),
        "isal": lambda plain, _: isal_zlib.compress(plain, 2, -15),
        "zlib-ng": lambda plain, _: zlib_ng.compress(plain, 6, -15),
    }


def _need(program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"MISSING: {program}. Streams of this encoder are not tried; see debian_packages.sh")


def _filtered(command: list[str], plain: bytes, _: Path) -> bytes:
    _need(command[0])
    return _stream_of(subprocess.run(command, input=plain, check=True, capture_output=True).stdout)


def _packed(command: list[str], plain: bytes, directory: Path) -> bytes:
    _need(command[0])
    (directory / "plain").write_bytes(plain)
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    (archive,) = (path for path in directory.iterdir() if path.suffix in (".zip", ".gz"))
    return _stream_of(archive.read_bytes())


def _go(level: int, plain: bytes, directory: Path) -> bytes:
    _need("go")
    program = directory.parent / "go-gzip"
    if not program.exists():
        source = program.with_suffix(".go")
        source.write_text(_GO)
        subprocess.run(["go", "build", "-o", program, source], cwd=directory, check=True)
    return _filtered([str(program), str(level)], plain, directory)


def _zlib(level: int, strategy: int, plain: bytes, _: Path) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    return packer.compress(plain) + packer.flush()


def _flushed(plain: bytes, _: Path) -> bytes:
    packer, out = zlib.compressobj(6, zlib.DEFLATED, -15), b""
    for number, at in enumerate(range(0, len(plain), 10_000)):
        out += packer.compress(plain[at : at + 10_000])
        out += packer.flush((zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_BLOCK)[number % 4])
    return out + packer.flush()


def _stream_of(archive: bytes) -> bytes:
    streams = find_streams(MemoryObject(archive))
    if not streams:
        pytest.skip("this encoder stored the bytes, or wrote them as several members")
    return archive[streams[0].offset : streams[0].offset + streams[0].length]
