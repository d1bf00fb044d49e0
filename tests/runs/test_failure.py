"""Why upstream's programs fail."""

from __future__ import annotations

import pytest

from yolopatch.errors import CheckFailed, EnvironmentFailed
from yolopatch.runs.failure import explain

TRACEBACK = """\
Traceback (most recent call last):
  File "train.py", line 5, in <module>
    main()
{last}
"""


@pytest.mark.parametrize(
    "last",
    [
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
        "torch.OutOfMemoryError: CUDA out of memory.",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
        "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.",
        "MemoryError",
    ],
)
def test_out_of_memory_says_what_to_lower(last, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(TRACEBACK.format(last=last))
    error = explain(1, log, "training", sizes=" (now 64 and 640)")
    assert isinstance(error, EnvironmentFailed)
    assert "lower --batch or --imgsz (now 64 and 640)" in str(error)
    assert "\n" not in str(error)


def test_a_kill_by_the_system_says_so_too(tmp_path):
    assert "--batch" in str(explain(-9, tmp_path / "none", "training"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TRACEBACK.format(last="AssertionError: Label class 3 exceeds nc=3"), "AssertionError: Label class 3"),
        (
            TRACEBACK.format(last="torch.distributed.DistNetworkError: x") + "bye\n",
            "torch.distributed.DistNetworkError",
        ),
        ("usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --x\n", "unrecognized arguments: --x"),
        ("\x1b[31msomething odd\x1b[0m\r\n", "something odd"),
    ],
)
def test_the_last_error_of_the_log_is_the_reason(text, reason, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("MemoryError\n" + text)
    error = explain(1, log, "training", start=len("MemoryError\n"))
    assert isinstance(error, CheckFailed)
    assert reason in str(error)
    assert str(log) in str(error)


def test_a_failure_that_upstream_hides_is_told_with_its_reason(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("OpenVINO: export failure 0.9s: [Errno 2] No such file: 'mo'\nVisualize: https://netron.app\n")
    said = str(explain(0, log, "YOLOv5's export"))
    assert said.startswith(
        "YOLOv5's export wrote nothing: OpenVINO: export failure 0.9s: [Errno 2] No such file: 'mo' ("
    )
