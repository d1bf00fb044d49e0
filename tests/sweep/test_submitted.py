"""Sweeps through submitit: its local executor everywhere, and a real Slurm of one node where one can be started."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sweep import slurm
from tests.sweep.small import PAIR, begun, table, tables
from tests.waiting import eventually
from yolopatch.errors import EnvironmentFailed
from yolopatch.sweep import submitted

pytest.importorskip("submitit")
psutil = pytest.importorskip("psutil")

# There is no option for submitit's local executor: `--executor local` needs no submitit.
DRIVER = """
import json, sys
from pathlib import Path
from yolopatch.console import Reporter
from yolopatch.sweep.submitted import Resources, SubmittedExecutor
from yolopatch.workflows.sweep import SweepRequest, sweep
executor = lambda name: SubmittedExecutor("local", 2, name, Resources(minutes=60))
report = sweep(SweepRequest(Path("sweep.yaml"), executor, Path(sys.argv[1])), Reporter())
print(json.dumps(report.to_json()))
sys.exit(report.exit_code)
"""


def driver(dest):
    return [sys.executable, "-c", DRIVER, dest]


@pytest.fixture(scope="module")
def cluster(place, tmp_path_factory):
    """The small upstreams on a machine with Slurm."""
    try:
        with slurm.cluster(tmp_path_factory.mktemp("slurm")) as variables:
            mine = {name: variables[name] for name in ("PATH", "SLURM_CONF")}
            yield dataclasses.replace(place, name="cluster", variables={**place.variables, **mine})
    except slurm.NoSlurm as why:
        pytest.skip(str(why))


def killed_three_times(place, command):
    """Kill it at three moments, then let it come to its end; the report."""
    seed = random.randrange(10**6)
    print("moments by seed", seed)
    moments = random.Random(seed)
    for _ in range(3):
        process = place.start(command)
        time.sleep(moments.uniform(1.0, 15.0))
        process.kill()
        process.communicate()
    process = place.start(command)
    out, said = process.communicate(timeout=400)
    assert process.returncode == 0, out + said
    return json.loads(out)


def test_submitits_local_executor_survives_three_kills_of_the_sweep(done):
    report = killed_three_times(done, driver("submitted"))
    assert [cell["status"] for cell in report["cells"]] == ["finished", "finished"]
    assert tables(done.folder / "submitted") == tables(done.dest)


def test_a_job_that_is_warned_of_its_end_goes_on_in_the_queue(place):
    """Slurm warns by this signal before the time limit and at a preemption."""
    gate = place.folder / "gate-of-time"
    place.write(grid={"yolo": "tiny", "variant": "stock"}, arguments={"tiny": ["--gate", str(gate)]}, name="warned")
    process = place.start(driver("warned"))
    run = place.folder / "warned" / "tiny_stock_p3-p5" / "runs" / "seed0"
    eventually(lambda: begun(run), 120)
    upstream = psutil.Process(json.loads((run / "run.json").read_text())["pid"])
    upstream.parent().send_signal(signal.SIGUSR2)
    psutil.wait_procs([upstream], 60)
    gate.touch()
    out, said = process.communicate(timeout=200)
    assert process.returncode == 0, out + said
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["resumed"], len(table(run))) == ("finished", 1, 3)
    assert json.loads(out)["cells"][0]["attempts"] == 1


def test_what_is_missing_is_said_in_one_line(place, monkeypatch, tmp_path):
    (tmp_path / "git").symlink_to(shutil.which("git"))
    place.write(grid=PAIR)
    lone = dataclasses.replace(place, variables={**place.variables, "PATH": str(tmp_path)})
    run = lone.run("-q", "--executor", "slurm", "--dest", "none")
    assert (run.returncode, run.stderr.count("\n")) == (3, 1)
    assert "there is no sbatch or srun here; start the sweep where jobs are submitted" in run.stderr
    assert not (place.folder / "none").exists()
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(EnvironmentFailed, match=r"pip install .*\[sweep\]"):
        submitted.require("slurm")


def test_slurm_survives_three_kills_of_the_sweep(done, cluster):
    command = done.command("--executor", "slurm", "--cpus", "1", "--time", "60", "--jobs", "2", "--json")
    report = killed_three_times(cluster, [*command, "--dest", "slurm"])
    assert [cell["status"] for cell in report["cells"]] == ["finished", "finished"]
    assert tables(done.folder / "slurm") == tables(done.dest)


def test_slurms_jobs_go_on_after_an_interrupt_and_one_that_is_cancelled_is_taken_up_again(cluster):
    gate = cluster.folder / "gate-of-slurm"
    cluster.write(grid={"yolo": "tiny", "variant": "stock"}, arguments={"tiny": ["--gate", str(gate)]})
    command = cluster.command("-q", "--executor", "slurm")
    process = cluster.start(command)
    run = cluster.dest / "tiny_stock_p3-p5" / "runs" / "seed0"
    eventually(lambda: begun(run), 120)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=30)
    job = json.loads(next((cluster.dest / "cells").glob("*.json")).read_text())["job"]["id"]
    assert (process.returncode, out) == (130, "")
    assert f"0 of 1 cells are finished; jobs go on (scancel {job} ends them)" in said
    other = cluster.run("-q")
    assert (other.returncode, f"go on with --executor slurm, or end them: scancel {job}" in other.stderr) == (2, True)
    assert json.loads((run / "run.json").read_text())["status"] == "running"
    subprocess.run(["scancel", job], env=cluster.variables, check=True)
    eventually(lambda: not Path(f"/proc/{json.loads((run / 'run.json').read_text())['pid']}").exists())
    gate.touch()
    again = cluster.run("--executor", "slurm", "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["resumed"], len(table(run))) == ("finished", 1, 3)


def test_slurm_gives_each_job_its_gpus_or_says_that_it_has_not_so_many(cluster):
    gate = cluster.folder / "gate-of-gpus"
    cluster.write(grid=PAIR, arguments={"tiny": ["--gate", str(gate)]}, name="gpus")
    sweep = cluster.command("-q", "--executor", "slurm", "--cpus", "1", "--jobs", "2", "--dest", "gpus")
    process = cluster.start([*sweep, "--gpus", "1"])
    runs = [cluster.folder / "gpus" / f"tiny_{name}_p3-p5" / "runs" / "seed0" for name in PAIR["variant"]]
    eventually(lambda: all(begun(run) for run in runs), 120)
    said = subprocess.run(["scontrol", "show", "job", "-d"], env=cluster.variables, capture_output=True, text=True)
    running = [job for job in said.stdout.split("\n\n") if "JobState=RUNNING" in job]
    gate.touch()
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, out + errors
    assert sorted(line.split()[-1] for job in running for line in job.splitlines() if " GRES=" in line) == [
        "GRES=gpu:1(IDX:0)",
        "GRES=gpu:1(IDX:1)",
    ]
    many = cluster.run("-q", "--executor", "slurm", "--gpus", "3", "--dest", "many")
    assert (many.returncode, many.stderr.count("\n")) == (3, 1), many.stderr
    assert "node configuration is not available; check --partition and --gpus" in many.stderr


def test_slurm_says_which_partition_there_is_not(cluster):
    cluster.write(grid={"yolo": "twin", "variant": "stock"})
    run = cluster.run("-q", "--executor", "slurm", "--partition", "gold", "--dest", "gold")
    assert (run.returncode, run.stderr.count("\n")) == (3, 1), run.stderr
    assert "invalid partition" in run.stderr
    assert "check --partition and --gpus" in run.stderr
