"""A Slurm of one node, this one, in a folder of its own: munge, the controller and the daemon.

The node says that it has two GPUs, which are no devices of CUDA's: Slurm shares them out as it does real ones.

As a program it runs a command in such a cluster: `python tests/sweep/slurm.py COMMAND...`.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol")

CONF = """\
ClusterName=small
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={other}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
GresTypes=gpu
JobRequeue=1
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} Gres=gpu:2 State=UNKNOWN
PartitionName=small Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


class NoSlurm(Exception):
    """Why no cluster can be started here."""


@contextmanager
def cluster(root: Path) -> Iterator[dict[str, str]]:
    """Start it below `root`; the variables that its programs want. It is gone when the block ends.

    Raises:
        NoSlurm: a program is missing, or one does not start.
    """
    _check()
    path = f"{os.environ['PATH']}:/usr/sbin"
    conf = root / "slurm.conf"
    variables = {**os.environ, "PATH": path, "SLURM_CONF": str(conf)}
    _write(root, conf)
    log = (root / "daemons.log").open("wb")
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        munge = ("munged", "--foreground", "--force", f"--socket={root}/munge.socket", f"--key-file={root}/munge.key")
        munge += (f"--pid-file={root}/munge.pid", f"--seed-file={root}/munge.seed", f"--log-file={root}/munge.log")
        commands = ((*munge,), ("slurmctld", "-D", "-i", "-c"), ("slurmd", "-D", "-N", _host()))
        for command in commands:
            daemons.append(subprocess.Popen(command, env=variables, stdout=log, stderr=log, start_new_session=True))
            time.sleep(0.5)
        _await(variables, daemons, root)
        yield variables
    finally:
        subprocess.run(["scancel", f"--user={getpass.getuser()}"], env=variables, capture_output=True, timeout=30)
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        log.close()


def _check() -> None:
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if sys.platform != "linux" or missing:
        raise NoSlurm(f"no {missing[0] if missing else 'Linux'} here; apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        raise NoSlurm("Slurm's daemons want root, to start jobs as their users")


def _write(root: Path, conf: Path) -> None:
    for name in ("state", "spool"):
        (root / name).mkdir()
    root.chmod(0o755)
    key = root / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    names = {"host": _host(), "user": getpass.getuser(), "root": root, "cpus": os.cpu_count()}
    (root / "gres.conf").write_text("Name=gpu File=/dev/zero\nName=gpu File=/dev/full\n", encoding="utf-8")
    conf.write_text(CONF.format(port=_free_port(), other=_free_port(), **names))


def _await(variables: dict[str, str], daemons: list[subprocess.Popen[bytes]], root: Path) -> None:
    for _ in range(120):
        dead = next((daemon for daemon in daemons if daemon.poll() is not None), None)
        if dead is not None:
            raise NoSlurm(f"{dead.args[0]} does not start here: {_last(root)}")  # type: ignore[index]
        said = subprocess.run(["sinfo", "-h", "-o", "%T"], env=variables, capture_output=True, text=True)
        if said.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    raise NoSlurm(f"the node does not come up here: {_last(root)}")


def _last(root: Path) -> str:
    lines = [
        line for name in ("daemons", "slurmctld", "slurmd", "munge") for line in _lines(root / f"{name}.log") if line
    ]
    errors = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()] or lines
    return " ".join(errors[-2:])[-300:]


def _lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").splitlines() if file.exists() else []


def _host() -> str:
    return socket.gethostname().split(".")[0]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main() -> None:
    """Run the command of the arguments in a cluster."""
    root = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        with cluster(root) as variables:
            sys.exit(subprocess.run(sys.argv[1:], env=variables).returncode)
    except NoSlurm as why:
        sys.exit(str(why))
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
