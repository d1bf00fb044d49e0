"""A patched model learns a handful of pictures by heart, by upstream's own training and validation."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from tests.upstream import dataset
from yolopatch.catalog import Catalog

pytestmark = pytest.mark.usefixtures("registry")
CATALOG = Catalog()

EPOCHS = {"v5": 12, "v7": 26, "v8": 12, "v9": 12}
# No augmentation but a little movement, since validation pads the pictures. v5, v7 and v9 gather 64 pictures for a
# step but in warm-up; theirs lasts eight times as long as the training, and the learning rate is at most a 32nd of lr0.
HYP = {
    "lr0": 0.128,
    "lrf": 0.02,
    "warmup_bias_lr": 0.0,
    **dict.fromkeys(("mosaic", "mixup", "copy_paste", "fliplr", "hsv_h", "hsv_s", "hsv_v"), 0.0),
    **dict.fromkeys(("scale", "translate"), 0.1),
}
CHANGES = {
    # Upstream scales obj down for small pictures and cls for few classes.
    "v5": {**HYP, "box": 0.1, "obj": 10.0, "cls": 8.0},
    # It clips no gradient: smaller steps, and more of them.
    "v7": {**HYP, "obj": 10.0, "cls": 8.0, "paste_in": 0.0, "lr0": 0.064, "warmup_bias_lr": 0.02}
    | dict.fromkeys(("scale", "translate"), 0.05),
    # Its class scores start where pictures of 640 pixels have them; so small a learning rate of biases hurts nothing.
    "v9": {**HYP, "warmup_bias_lr": 0.02},
}
WORDS = {
    "v8": (
        *("lr0=0.003", "nbs=8", "warmup_epochs=1", "warmup_bias_lr=0.1", "plots=False"),
        *("mosaic=0", "fliplr=0", "scale=0.1", "translate=0.1", "hsv_h=0", "hsv_s=0", "hsv_v=0", "erasing=0"),
    ),
}


def eight_pictures(root):
    """Eight pictures to validate on, and sixteen copies of each to train on; the data YAML.

    Copies, since v5, v7 and v9 take a picture once however often a list names it.
    """
    made = dataset.make(root / "made", train=8, val=1).parent
    for kind in ("images", "labels"):
        for split, copies in (("train", 16), ("val", 1)):
            (root / kind / split).mkdir(parents=True)
            for file in sorted((made / kind / "train").iterdir()):
                for number in range(copies):
                    shutil.copy(file, root / kind / split / f"{file.stem}-{number}{file.suffix}")
    names = "[square, circle, triangle]"
    places = f"train: {root}/images/train\nval: {root}/images/val\n"
    (root / "data.yaml").write_text(f"{places}nc: 3\nnames: {names}\n")
    return root / "data.yaml"


def arguments(yolo, folder, path):
    """Upstream's own arguments; what they do not say is the recipe's."""
    if yolo not in CHANGES:
        return WORDS[yolo]
    recipe = CATALOG.upstream(yolo).default_form.recipe.revcol
    upstreams = yaml.safe_load((folder / recipe[recipe.index("--hyp") + 1]).read_text())
    path.write_text(yaml.safe_dump({**upstreams, "warmup_epochs": 8.0 * EPOCHS[yolo], **CHANGES[yolo]}))
    return ("--hyp", path)


@pytest.mark.parametrize("yolo", CATALOG.supported)
def test_eight_pictures_are_learned_by_heart(yolo, apply, yolopatch, tmp_path):
    folder, _ = apply("--yolo", yolo, "--variant", "revcol-a", "--origin", "pypi", "--verify", "none")
    data = eight_pictures(tmp_path / "d")
    small = ("--epochs", EPOCHS[yolo], "--imgsz", "96", "--batch", "8", "--device", "cpu", "--workers", "0")
    trained = ("train", folder, "--data", data, *small, "--name", "eight", "--json")
    done = yolopatch(*trained, "--", *arguments(yolo, folder, tmp_path / "hyp.yaml"))
    best = json.loads(done.stdout)["best"]
    assert best["mAP50"] >= 0.9
    assert best["val"]["by_size"]["images"] == 8
