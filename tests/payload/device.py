"""The device on which RevCol's training is tested: the CPU, or what YOLOPATCH_TEST_DEVICE names (`cuda`)."""

from __future__ import annotations

import os

import torch

DEVICE = torch.device(os.environ.get("YOLOPATCH_TEST_DEVICE", "cpu"))

if DEVICE.type == "cuda":
    # Equal gradients are promised where the kernels repeat themselves; cuDNN's and cuBLAS's need not by themselves.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
