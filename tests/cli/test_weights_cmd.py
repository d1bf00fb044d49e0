"""`yolopatch weights`: from an official checkpoint to a file that a model YAML can name."""

from __future__ import annotations

import hashlib
import json
import signal
import stat
import struct
import subprocess

import pytest
import torch

from yolopatch.cli.main import main
from yolopatch.payload.revcol import RevCol

pytest.importorskip("safetensors")

CHANNELS, BLOCKS, COLUMNS = [8, 16, 32, 64], [1, 1, 2, 1], 4  # those of the variant "revcol-x"


def model(columns=COLUMNS, **options):
    torch.manual_seed(3)
    made = RevCol(CHANNELS, BLOCKS, columns, init="kaiming", layer_scale=0.5, **options)
    return made.eval()


def save(path, made, **extras):
    state = {f"module.{name}": value for name, value in made.state_dict().items()}
    state["module.cls.classifier.1.weight"] = torch.zeros(5, 64)
    torch.save({"model": state, "optimizer": {"state": {}}, "epoch": 3, **extras}, path)
    return path


@pytest.fixture
def call(environment, work, monkeypatch, capsys):
    """The command line as `run` has it, but in this process: importing torch takes longer than all of the work."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(work)
    before = signal.getsignal(signal.SIGTERM)

    def call(*args):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(args)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(args, left.value.code, out, err)

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def checkpoint(work):
    return save(work / "official.pth", model())


def test_convert_writes_the_backbone_alone_and_says_what_it_is(call, work, checkpoint):
    done = call("weights", "convert", "official.pth", "out.safetensors")
    assert (done.returncode, done.stderr) == (0, "")
    what, report, wrote = done.stdout.splitlines()
    assert what == "official.pth: revcol-x, channels [8, 16, 32, 64], blocks [1, 1, 2, 1], 4 columns"
    count = len(model().state_dict())
    assert report == f"transferred {count}/{count} items, dropped 1 (cls)"
    assert wrote.endswith("weights: out.safetensors")
    content = (work / "out.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__")
    assert set(header) == set(model().state_dict())
    assert metadata["format"] == "pt"
    assert metadata["source_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert json.loads(metadata["revcol"]) == {
        "channels": CHANNELS,
        "blocks": BLOCKS,
        "columns": COLUMNS,
        "in_channels": 3,
        "kernel_size": 3,
        "stem": "patch",
        "deep_up": False,
    }
    assert sorted(file.name for file in work.iterdir()) == ["official.pth", "out.safetensors"]
    assert stat.S_IMODE((work / "out.safetensors").stat().st_mode) == stat.S_IMODE(checkpoint.stat().st_mode)


def test_a_model_that_names_the_converted_file_computes_what_the_original_does(call, work, checkpoint):
    call("weights", "convert", "official.pth", "out.safetensors")
    for file in ("out.safetensors", "official.pth"):
        loaded = RevCol(CHANNELS, BLOCKS, COLUMNS, {"weights": str(work / file)}).eval()
        image = torch.randn(1, 3, 64, 64)
        with torch.no_grad():
            for left, right in zip(loaded(image), model()(image), strict=True):
                assert torch.equal(left, right)


def test_json_lists_every_name_and_names_the_variant(call, work):
    save(work / "official.pth", model())
    data = json.loads(call("weights", "convert", "official.pth", "out.safetensors", "--json").stdout)
    assert data["variant"] == "revcol-x"
    assert (data["shape"]["channels"], data["shape"]["blocks"], data["shape"]["columns"]) == (CHANNELS, BLOCKS, COLUMNS)
    assert (data["out"], data["source"]) == ("out.safetensors", "official.pth")
    assert sorted(data["used"]) == sorted(model().state_dict())
    assert (data["dropped"], data["missing"]) == (["cls.classifier.1.weight"], [])


def test_inspect_writes_nothing_and_reads_both_formats(call, work, checkpoint):
    call("weights", "convert", "official.pth", "out.safetensors")
    for file in ("official.pth", "out.safetensors"):
        assert call("weights", "inspect", file).stdout.startswith(f"{file}: revcol-x, channels [8, 16, 32, 64]")
    assert json.loads(call("weights", "inspect", "out.safetensors", "--json").stdout)["dropped"] == []
    assert len(list(work.iterdir())) == 2


def test_weights_of_no_variant_are_converted_all_the_same(call, work):
    save(work / "official.pth", model(3, kernel_size=5, in_channels=1))
    done = call("weights", "convert", "official.pth", "out.safetensors")
    assert "no variant of the catalog, " in done.stdout
    assert "3 columns, in_channels 1, kernel_size 5" in done.stdout


def test_equal_checkpoints_give_equal_bytes(call, work, checkpoint):
    for name in ("a", "b", "c"):
        call("weights", "convert", "official.pth", f"{name}.safetensors")
    assert len({(work / f"{name}.safetensors").read_bytes() for name in ("a", "b", "c")}) == 1


def test_a_file_that_exists_is_replaced_with_force_alone(call, work, checkpoint):
    out = work / "out.safetensors"
    out.write_text("mine")
    done = call("weights", "convert", "official.pth", "out.safetensors")
    assert (done.returncode, done.stderr) == (2, "error: out.safetensors exists; --force replaces it\n")
    assert out.read_text() == "mine"
    assert call("weights", "convert", "official.pth", "out.safetensors", "--force").returncode == 0
    assert out.stat().st_size > 1000


def test_a_failure_leaves_the_file_that_exists_as_it_is(call, work):
    (work / "out.safetensors").write_text("mine")
    torch.save({"model": {"model.0.conv.weight": torch.ones(1)}}, work / "yolo.pt")
    done = call("weights", "convert", "yolo.pt", "out.safetensors", "--force")
    assert done.returncode == 2
    assert "it looks like a YOLO checkpoint" in done.stderr
    assert sorted(file.name for file in work.iterdir()) == ["out.safetensors", "yolo.pt"]
    assert (work / "out.safetensors").read_text() == "mine"


def test_a_disk_that_is_full_leaves_nothing(call, work, checkpoint):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        done = call("weights", "convert", "official.pth", "out.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr.startswith("error: out.safetensors cannot be written (")
    assert [file.name for file in work.iterdir()] == ["official.pth"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("none.pth", "out.safetensors"), "none.pth: there is no such file"),
        (("official.pth", "out.pth"), "call it out.safetensors"),
        (("official.pth", "no/out.safetensors"), "no is no folder"),
        (("official.pth", "dir.safetensors", "--force"), "dir.safetensors is a folder"),
        (("link.safetensors", "link.safetensors", "--force"), "is the source itself"),
        (("damaged.pth", "out.safetensors"), "damaged.pth: it is damaged, or torch.save did not write it"),
        (("foreign.pth", "out.safetensors"), "foreign.pth: it holds a pickled fractions.Fraction, which is not loaded"),
        (("short.pth", "out.safetensors"), "short.pth: it lacks subnet1.level2.blocks.0.norm.bias"),
    ],
)
def test_a_wrong_request_is_one_line(call, work, checkpoint, args, told):
    from fractions import Fraction

    (work / "dir.safetensors").mkdir()
    (work / "link.safetensors").write_bytes(b"x")
    (work / "damaged.pth").write_bytes(checkpoint.read_bytes()[:2000])
    save(work / "foreign.pth", model(), extra=Fraction(1, 3))
    short = model().state_dict()
    del short["subnet1.level2.blocks.0.norm.bias"]
    torch.save(short, work / "short.pth")
    done = call("weights", "convert", *args)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert told in done.stderr
    assert not (work / "out.safetensors").exists()
    error = json.loads(call("weights", "convert", *args, "--json").stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("request", 2)


@pytest.mark.parametrize("package", ["safetensors", "numpy"])
def test_a_missing_package_is_one_line_with_the_command(run, work, checkpoint, package, tmp_path):
    (tmp_path / "without").mkdir()
    told = f"raise ModuleNotFoundError('No module named {package}', name='{package}')\n"
    (tmp_path / "without" / f"{package}.py").write_text(told)
    done = run("weights", "convert", "official.pth", "o.safetensors", env={"PYTHONPATH": str(tmp_path / "without")})
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert f"weights need the package {package}: pip install" in done.stderr


@pytest.mark.parametrize("verb", ["convert", "inspect"])
def test_help_pages(call, verb):
    assert "Usage" in call("weights", verb, "--help").stdout
