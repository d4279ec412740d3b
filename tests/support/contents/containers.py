"""Files in every container that software is shipped in, as Python's own encoders make them; two versions of each."""

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial

from bundle.archives.xz_streams import of_threads

Files = dict[str, bytes]
EPOCH = (2024, 1, 1, 0, 0, 0)
WIDE = 128  # of a picture


def made_up(version: int, files: int = 12, lines: int = 530) -> Files:
    """Files of made-up words; in the second version a line of every other one is another one."""
    numbers = random.Random(14)
    words = ["".join(numbers.choices("abcdefghijklmnopqrstuvwxyz", k=numbers.randint(3, 9))) for _ in range(2_000)]
    made = {}
    for number in range(files):
        text = [" ".join(numbers.choices(words, k=10)) for _ in range(lines)]
        if version == 2 and number % 2:
            text[lines // 3] = f"changed {number} " + " ".join(words[number : number + 5])
        made[f"app/module{number}.py"] = "\n".join(text).encode()
    return made


def as_zip(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, method)
    return out.getvalue()


def as_tar(files: Files, kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def as_gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def deflated_otherwise(data: bytes) -> bytes:
    """A deflate stream as no engine writes it: its window is of another size."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -14, 8)
    return packer.compress(data) + packer.flush()


def as_other_gzip(data: bytes) -> bytes:
    return gzip.compress(b"", mtime=0)[:10] + deflated_otherwise(data) + struct.pack("<2L", zlib.crc32(data), len(data))


def as_other_zip(files: Files) -> bytes:
    return zip_of({name: (deflated_otherwise(data), data) for name, data in files.items()})


def zip_of(streams: dict[str, tuple[bytes, bytes]]) -> bytes:
    """A zip of members by name: their deflate streams and their plain bytes."""
    out, directory = b"", b""
    for name, (packed, data) in streams.items():
        facts = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, zlib.crc32(data), len(packed), len(data), len(name), 0)
        directory += b"PK\1\2\x14\0" + facts + struct.pack("<3H2L", 0, 0, 0, 0, len(out)) + name.encode()
        out += b"PK\3\4" + facts + name.encode() + packed
    end = struct.pack("<4H2LH", 0, 0, len(streams), len(streams), len(directory), len(out), 0)
    return out + directory + b"PK\5\6" + end


def as_ar(files: Files) -> bytes:
    out = b"!<arch>\n"
    for name, data in files.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def as_tar_bz2(level: int, files: Files) -> bytes:
    return bz2.compress(as_tar(files), level)


def as_xz_by_threads(data: bytes) -> bytes:
    return b"".join(of_threads(iter((data,)), 6, lzma.CHECK_CRC64, None))


def as_deb(data: bytes, suffix: str) -> bytes:
    return as_ar({"debian-binary": b"2.0\n", f"data.tar.{suffix}": data})


def as_msix(files: Files) -> bytes:
    """A zip whose members are deflated in blocks of 64 KiB, each flushed, with a map of the blocks' hashes."""
    streams, blocks = {}, ""
    for name, data in files.items():
        packer, stream = zlib.compressobj(6, zlib.DEFLATED, -15), b""
        blocks += f'<File Name="{name}" Size="{len(data)}">'
        for at in range(0, len(data), 65_536):
            part = packer.compress(data[at : at + 65_536]) + packer.flush(zlib.Z_FULL_FLUSH)
            digest = base64.b64encode(hashlib.sha256(data[at : at + 65_536]).digest()).decode()
            blocks += f'<Block Hash="{digest}" Size="{len(part)}"/>'
            stream += part
        blocks += "</File>"
        streams[name] = stream + packer.flush(), data
    block_map = f"<BlockMap>{blocks}</BlockMap>".encode()
    streams["AppxBlockMap.xml"] = deflated_otherwise(block_map), block_map
    return zip_of(streams)


def as_nupkg(files: Files) -> bytes:
    about = b"<package><metadata><id>made-up</id></metadata></package>"
    return as_zip({"[Content_Types].xml": b"<Types/>", "made-up.nuspec": about, **files})


def as_asar(files: Files) -> bytes:
    """Electron's archive: an index in JSON with offsets and hashes, then the files as they are."""
    index, at = {}, 0
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        integrity = {"algorithm": "SHA256", "hash": digest, "blockSize": 4_194_304, "blocks": [digest]}
        index[name] = {"size": len(data), "offset": str(at), "integrity": integrity}
        at += len(data)
    text = json.dumps({"files": index}).encode()
    size = -len(text) % 4 + len(text)
    return struct.pack("<4L", 4, size + 8, size + 4, len(text)) + text.ljust(size, b"\0") + b"".join(files.values())


def as_pdf(files: Files) -> bytes:
    out = b"%PDF-1.5\n"
    for number, data in enumerate(files.values(), 1):
        packed = zlib.compress(data, 6)
        out += b"%d 0 obj\n<</Length %d/Filter/FlateDecode>>\nstream\n" % (number, len(packed)) + packed
        out += b"\nendstream\nendobj\n"
    return out + b"trailer\n<<>>\n%%EOF\n"


def as_png(files: Files, chunk_bytes: int = 8192, pack: Callable[[bytes], bytes] = zlib.compress) -> bytes:
    """A grey picture whose lines are those of the files, in IDAT chunks of that size, as libpng writes it."""
    lines = [line.ljust(WIDE) for data in files.values() for line in data.split(b"\n")]
    head = struct.pack(">2L5B", WIDE, len(lines), 8, 0, 0, 0, 0)
    packed = pack(b"".join(b"\0" + line for line in lines))
    parts = [packed[at : at + chunk_bytes] for at in range(0, len(packed), chunk_bytes)]
    chunks = [(b"IHDR", head), *((b"IDAT", part) for part in parts), (b"tEXt", b"Software\0made up"), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_png_chunk, chunks))


def as_other_zlib(data: bytes) -> bytes:
    return b"x\x9c" + deflated_otherwise(data) + struct.pack(">L", zlib.adler32(data))


def _png_chunk(chunk: tuple[bytes, bytes]) -> bytes:
    data = b"".join(chunk)
    return struct.pack(">L", len(chunk[1])) + data + struct.pack(">L", zlib.crc32(data))


def wheels(files: Files) -> Files:
    return {f"part{number}.whl": as_zip(dict([item])) for number, item in enumerate(files.items())}


WAYS: dict[str, Callable[[Files], bytes]] = {
    "lying open": as_tar,
    "zip": as_zip,
    "#! before a zip": lambda files: b"#!/usr/bin/env python3\n" + as_zip(files),
    "exe stub before a zip": lambda files: b"MZ" + random.Random(5).randbytes(30_000) + as_zip(files),
    "zip stored in a zip": lambda files: as_zip({"inner.zip": as_zip(files), "a": b"a"}, zipfile.ZIP_STORED),
    "tar of wheels": lambda files: as_tar(wheels(files)),
    "tar.gz": lambda files: as_gzip(as_tar(files)),
    "tar.gz, GNU": lambda files: as_gzip(as_tar(files, tarfile.GNU_FORMAT)),
    "tar.gz of wheels": lambda files: as_gzip(as_tar(wheels(files))),
    "tar of tar.gz (gem)": lambda files: as_tar({"metadata.gz": as_gzip(b"v"), "data.tar.gz": as_gzip(as_tar(files))}),
    "docker save": lambda files: as_tar({"manifest.json": b"[]", "layer/layer.tar": as_tar(files)}),
    "deb": lambda files: as_deb(as_gzip(as_tar(files)), "gz"),
    "gzip of several members": lambda files: b"".join(map(as_gzip, files.values())),
    "pdf": as_pdf,
    "png": as_png,
    "png of one chunk": lambda files: as_png(files, 1 << 30),
    "nupkg": as_nupkg,
    **{f"tar.bz2, level {level}": partial(as_tar_bz2, level) for level in (1, 9)},
    "bzip2 of several streams": lambda files: b"".join(map(bz2.compress, files.values())),
    "tar of tar.bz2": lambda files: as_tar({"data.tar.bz2": as_tar_bz2(9, files), "more": b"more"}),
    "deb, bzip2": lambda files: as_deb(as_tar_bz2(9, files), "bz2"),
    "tar.xz": lambda files: lzma.compress(as_tar(files)),
    "tar.xz by threads": lambda files: as_xz_by_threads(as_tar(files)),
    "deb, xz": lambda files: as_deb(lzma.compress(as_tar(files)), "xz"),
    "tar of tar.xz": lambda files: as_tar({"data.tar.xz": lzma.compress(as_tar(files), preset=3), "more": b"more"}),
    "zip, bzip2": lambda files: as_zip(files, zipfile.ZIP_BZIP2),
    "tar.bz2 of wheels": lambda files: bz2.compress(as_tar(wheels(files))),
    "asar": as_asar,
}
# Streams that no engine gives back: they are made from their shapes.
SHAPED: dict[str, Callable[[Files], bytes]] = {
    "tar.gz, no engine": lambda files: as_other_gzip(as_tar(files)),
    "zip, no engine": as_other_zip,
    "msix": as_msix,
    "png, no engine": lambda files: as_png(files, pack=as_other_zlib),
    "tgz of zips, no engine": lambda files: as_other_gzip(as_tar({n: as_other_zip({n: d}) for n, d in files.items()})),
}
