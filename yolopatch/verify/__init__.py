"""Prove that a patched tree works: probes in a process of their own, results as data."""

from __future__ import annotations

from .junit import to_junit
from .nursery import Nursery
from .report import LEVELS, Failure, LevelResult, Reads, VerifyReport
from .runner import ProbeRequest, run_probe
from .spec import FormSpec, ProbeSpec

__all__ = [
    "LEVELS",
    "Failure",
    "FormSpec",
    "LevelResult",
    "Nursery",
    "ProbeRequest",
    "ProbeSpec",
    "Reads",
    "VerifyReport",
    "run_probe",
    "to_junit",
]
