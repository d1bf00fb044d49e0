"""Export a checkpoint to ONNX beside it."""

import argparse
import inspect
from pathlib import Path

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--weights", type=Path, required=True)
parser.add_argument("--imgsz", type=int, required=True)
options = parser.parse_args()

model = torch.load(options.weights, weights_only=False)["model"].float().eval()
model.model[-1].export = True
if model.behaviour == "export fails":
    print("ONNX: export failure: no exporter today")
    raise SystemExit(0)
if model.behaviour in ("export differs", "picks differ"):
    model.model[-1].conv.bias.data += 0.1
images = torch.zeros(1, 3, options.imgsz, options.imgsz)
# The exporter through TorchScript needs no further package; older torch has no other.
keywords = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
torch.onnx.export(model, images, str(options.weights.with_suffix(".onnx")), opset_version=17, **keywords)
