"""What a build made, told to a person and to a program."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bundle.write.builder import BuildRequest, build
from tests.support.sites.site import QUIET, shore
from unrep.terminal.build_report import report_build


def test_a_delta(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = BuildRequest(
        new=shore().release("1.0.1"),
        product="vms",
        version="1.0.1",
        seq=2,
        out=tmp_path / "out",
        bases=[shore().release("1.0.0")],
    )
    with ThreadPoolExecutor(1) as pool:
        report = build(request, shore().key, pool, QUIET)
    report_build(report, 1.25, as_json=True)
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["bytes"] == (tmp_path / "out").stat().st_size and found["seconds"] == 1.25 and not found["full"]
    assert [one["tree"] for one in found["bases"]] == [shore().tree("1.0.0")]
    report_build(report, 1.25, as_json=False)
    told, more = capsys.readouterr()
    assert told.count("\n") == 2 and "vms 1.0.1 (seq 2)" in told and f"from base {shore().tree('1.0.0')[:12]}" in told
    assert err == more == ""
