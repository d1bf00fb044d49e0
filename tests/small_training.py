"""How the programs of a miniature upstream that trains are called, and one of them."""

from __future__ import annotations

INTERFACE = """
interface:
  train:
    script: [train.py]
    options:
      config: [--cfg, "{value}"]
      weights: [--weights, "{value}"]
      data: [--data, "{value}"]
      epochs: [--epochs, "{value}"]
      imgsz: [--imgsz, "{value}"]
      batch: [--batch, "{value}"]
      device: [--device, "{value}"]
      seed: [--seed, "{value}"]
      place: [--place, "{value}"]
      resume: [--resume, "{value}"]
  val:
    script: [val.py]
    options: {weights: [--weights, "{value}"], data: [--data, "{value}"], place: [--place, "{value}"]}
  predict: {script: [detect.py], options: {place: [--place, "{value}"]}}
  export: {script: [export.py], options: {}, formats: {onnx: {words: [], result: "{stem}.onnx"}}}
  table:
    file: results.csv
    columns:
      train/box_loss: [loss]
      mAP50: [map]
      mAP50-95: [map]
    fitness: {mAP50: 1.0}
  distributed: {cpu: false, machines: true}
"""

VAL = """\
import json, pathlib, sys, yaml
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
place = pathlib.Path(given["--place"])
place.mkdir(parents=True, exist_ok=True)
first = pathlib.Path(yaml.safe_load(open(given["--data"]))["val"]).read_text().split()[0]
box = {"image_id": pathlib.Path(first).stem, "category_id": 0, "bbox": [1, 1, 9, 9], "score": 0.5}
(place / "best_predictions.json").write_text(json.dumps([box]))
print("   all   2   4   0.25   0.5   0.75   0.375")
"""
