"""Several bases built on a Dask cluster: workers read them from the store, and the bytes are those of local workers."""

import json
from pathlib import Path

import pytest

from tests.support.contents.releases import write_tree
from tests.support.contents.repositories import Ashore, content
from tests.support.observers.command import run

distributed = pytest.importorskip("distributed", reason="the extra unrep[dask] is not installed")
pytestmark = pytest.mark.slow


def test_a_release_is_built_by_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P-9]"""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert run("keygen --out", tmp_path / "k")[0] == 0
    made = {}
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, processes=True, host="127.0.0.1"
    ) as cluster:
        for name in ("local", "cluster"):
            ashore = Ashore(tmp_path / name)
            ashore.settle(f"key = {str(tmp_path / 'k.key')!r}")
            if name == "cluster":
                text = ashore.repository.settings_file.read_text()
                ashore.repository.settings_file.write_text(
                    text.replace("[build]", f'[build]\ndask = "{cluster.scheduler_address}"')
                )
            for number in range(3):
                source = write_tree(tmp_path / "source", content(number))
                code, out, err = run(
                    f"release {source} --version 1.0.{number} --repo {tmp_path / name / 'repo'} --json"
                )
                assert code == 0, err
            made[name] = (ashore.root / "www" / json.loads(out)["file"]).read_bytes()
    assert made["local"] == made["cluster"]
