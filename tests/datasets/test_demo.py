"""The demo set: the same bytes each time, digits where the labels say, and a test split that training never sees."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml as pyyaml
from PIL import Image

from yolopatch.datasets import check_dataset, load_dataset, read_labels
from yolopatch.datasets.demo import make_demo
from yolopatch.datasets.photographs import PHOTOGRAPHS, digits, photographs
from yolopatch.errors import RequestError

pytest.importorskip("sklearn")
pytest.importorskip("skimage")

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    return make_demo(tmp_path_factory.mktemp("demo") / "digits", images=60, size=96, shown="0123456789", seed=3)


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def boxes(made, split):
    """Per picture its pixels and its boxes (left, top, right, bottom) in pixels."""
    for picture in load_dataset(made.yaml).splits[split]:
        pixels = np.asarray(Image.open(picture.path), dtype=float)
        yield (
            pixels,
            [
                tuple(made.size * value for value in (b.x - b.w / 2, b.y - b.h / 2, b.x + b.w / 2, b.y + b.h / 2))
                for b in read_labels(picture.label)
            ],
        )


def test_the_check_passes_and_every_digit_is_small(made):
    report = check_dataset(made.yaml)
    assert report.ok, report.problems
    assert {split: count.pictures for split, count in report.splits.items()} == {"train": 60, "val": 15, "test": 15}
    for split, count in report.splits.items():
        assert count.objects == count.small == made.objects[split] > 0
        assert sum(count.by_class.values()) == count.objects
    assert report.splits["train"].backgrounds > 0
    assert report.splits["train"].tiny > 0
    assert min(report.splits["train"].by_class.values()) > 0


@pytest.mark.parametrize("seed", [12, 17])  # by chance the one picture of val, of test, had no digit
def test_the_smallest_set_has_something_to_find_in_every_split(tmp_path, seed):
    small = make_demo(tmp_path / "small", images=4, size=64, seed=seed)
    assert min(small.objects.values()) > 0
    assert check_dataset(small.yaml).ok


def test_the_same_arguments_give_the_same_bytes(made, tmp_path):
    again = make_demo(tmp_path / "again", images=60, size=96, shown="0123456789", seed=3)
    first, second = files(made.folder), files(again.folder)
    assert first.pop("data.yaml").replace(str(made.folder).encode(), b"@") == second.pop("data.yaml").replace(
        str(again.folder).encode(), b"@"
    )
    assert first == second


def test_more_pictures_leave_the_first_ones_as_they_are_and_a_seed_changes_them(made, tmp_path):
    few = files(make_demo(tmp_path / "few", images=8, size=96, shown="0123456789", seed=3).folder)
    other = files(make_demo(tmp_path / "other", images=8, size=96, shown="0123456789", seed=4).folder)
    name = "images/train/train-00001.png"
    assert few[name] == files(made.folder)[name] != other[name]


def test_no_digit_and_no_photograph_is_in_two_splits():
    scans = {split: {scan.tobytes() for _, scan in digits(split)} for split in SPLITS}
    pictures = {split: {image.tobytes() for image in photographs(split)} for split in SPLITS}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not scans[one] & scans[other]
        assert not pictures[one] & pictures[other]
    assert {split: len(pictures[split]) for split in SPLITS} == {"train": 8, "val": 3, "test": 3}
    assert len({item.name for item in PHOTOGRAPHS}) == len(PHOTOGRAPHS)
    for split in SPLITS:
        assert {shown for shown, _ in digits(split)} == set(range(10))


def test_digits_do_not_overlap_and_are_6_to_20_pixels(made):
    for split in SPLITS:
        for _, found in boxes(made, split):
            assert len(found) <= 12
            for left, top, right, bottom in found:
                assert 4 <= max(right - left, bottom - top) <= 20.01
                assert min(left, top) > -0.01
                assert max(right, bottom) < made.size + 0.01
            for one, other in itertools.combinations(found, 2):
                gaps = (other[0] - one[2], one[0] - other[2], other[1] - one[3], one[1] - other[3])
                assert max(gaps) > 1.99


def test_a_digit_stands_out_from_its_paper(made):
    contrasts = [
        np.ptp(pixels.mean(axis=2)[round(top) : round(bottom), round(left) : round(right)])
        for pixels, found in boxes(made, "train")
        for left, top, right, bottom in found
    ]
    assert np.mean(np.array(contrasts) > 60) > 0.95  # levels of 255


def test_every_yolo_finds_it_from_anywhere(made):
    data = pyyaml.safe_load(made.yaml.read_text())
    assert data["nc"] == 10
    assert data["names"] == [str(number) for number in range(10)]
    assert all(Path(data[split]).is_absolute() and Path(data[split]).is_dir() for split in SPLITS)
    assert "path" not in data


def test_the_licence_of_every_source_is_told(made):
    text = (made.folder / "LICENCES.md").read_text(encoding="utf-8")
    for item in PHOTOGRAPHS:
        assert f"| {item.name} | {item.split} |" in text
    assert "https://doi.org/10.24432/C50P49" in text


def test_the_folder_can_be_read_by_others(made):
    mask = os.umask(0)
    os.umask(mask)
    assert made.folder.stat().st_mode & 0o777 == 0o777 & ~mask


def test_what_breaks_off_leaves_nothing(tmp_path):
    class Enough(Exception):
        pass

    def stop(done):
        if done == 3:
            raise Enough

    with pytest.raises(Enough):
        make_demo(tmp_path / "d", images=8, size=64, step=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_folder_is_refused_and_an_empty_one_used(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match="not empty"):
        make_demo(tmp_path / "full", images=4, size=64)
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert make_demo(tmp_path / "empty", images=4, size=64).yaml.is_file()


def test_a_place_below_a_folder_called_images_is_refused(tmp_path):
    with pytest.raises(RequestError, match="called 'images'"):
        make_demo(tmp_path / "images" / "demo", images=4, size=64)
    assert list(tmp_path.iterdir()) == []


def test_fewer_digits_are_fewer_classes_in_the_order_asked_for(tmp_path):
    made = make_demo(tmp_path / "d", images=30, size=64, shown="71")
    assert load_dataset(made.yaml).names == made.names == ("7", "1")
    assert min(check_dataset(made.yaml).splits["train"].by_class.values()) > 0


@pytest.mark.parametrize("shown", ["", "11", "1a", "１"])
def test_digits_that_are_none_or_double_are_refused(tmp_path, shown):
    with pytest.raises(RequestError, match="--digits "):
        make_demo(tmp_path / "d", images=4, size=64, shown=shown)


@pytest.mark.parametrize("numbers", [{"images": 3}, {"images": 100_000}, {"size": 63}, {"size": 1281}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(tmp_path, numbers):
    with pytest.raises(RequestError, match=f"--{next(iter(numbers))} "):
        make_demo(tmp_path / "d", **numbers)


@pytest.mark.parametrize("module", ["sklearn.datasets", "skimage.data", "PIL.Image"])
def test_a_missing_package_is_one_line_that_installs_it(tmp_path, module):
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from yolopatch.cli.main import main; main(['data', 'demo', 'd', '--images', '4', '-q'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3
    assert "is needed and cannot be imported; install it: " in done.stderr
    assert "[upstream]" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
