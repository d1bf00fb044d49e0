"""What of the environment would make apply or verify fail, with the fix."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from yolopatch import git
from yolopatch.catalog import Catalog
from yolopatch.console import Reporter
from yolopatch.errors import YolopatchError
from yolopatch.install_hint import install_command
from yolopatch.sources import Cache
from yolopatch.sources.reach import git_host_problem, registry_problem

_MINIMUM_FREE_MB = 500

# Runs in the interpreter that is to verify; prints one JSON document.
_PROBE = """
import importlib.metadata, json, sys
names = json.loads(sys.argv[1])
found = {}
for name in names:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = None
facts = {"python": list(sys.version_info[:3]), "found": found, "torch": None, "cuda": False, "nms": None}
try:
    import torch
    facts["torch"], facts["cuda"] = torch.__version__, torch.cuda.is_available()
except Exception as error:
    facts["torch_error"] = f"{type(error).__name__}: {error}"
try:
    import torchvision
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    facts["nms"] = "ok"
except Exception as error:
    facts["nms"] = f"{type(error).__name__}: {error}"
print(json.dumps(facts))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warning", "problem"]
    text: str
    fix: str | None = None


def examine(python: Path | None, reporter: Reporter) -> list[Finding]:
    """Look at Python, git, cache, network and the packages that upstream's code needs."""
    findings: list[Finding] = []
    with reporter.task("looking at git and the cache"):
        findings += [_git(), _cache()]
    with reporter.task("asking the git host and the registry"):
        findings += _network()
    with reporter.task("looking at the packages"):
        findings += _packages(python)
    return findings


def _git() -> Finding:
    try:
        version = git.require_git()
    except YolopatchError as error:
        return Finding("git", "problem", str(error), "install git, 2.32 or newer")
    return Finding("git", "ok", ".".join(map(str, version)))


def _cache() -> Finding:
    try:
        cache = Cache.default()
        with cache.scratch() as scratch:
            place = scratch.parent.parent
    except YolopatchError as error:
        return Finding("cache", "problem", str(error), "set YOLOPATCH_CACHE to a folder that can be written to")
    free = shutil.disk_usage(place).free // 2**20
    if free < _MINIMUM_FREE_MB:
        return Finding("cache", "problem", f"{place}: {free} MB free", "free some space: yolopatch cache prune --all")
    return Finding("cache", "ok", f"{place} ({free} MB free)")


def _network() -> list[Finding]:
    catalog = Catalog()
    upstream = catalog.upstream(catalog.yolos[0])
    package = catalog.pin(upstream, None).origins.pypi
    host = git_host_problem(upstream.urls())
    index = registry_problem(package.project, package.file) if package else None
    proxy = "set HTTPS_PROXY if you are behind a proxy"
    findings = []
    if host is None:
        findings.append(Finding("git host", "ok", upstream.repository))
    else:
        text = f"{host}; apply takes the package registry instead"
        findings.append(Finding("git host", "warning", text, f"{proxy}, or name a mirror with --remote"))
    if index is None:
        findings.append(Finding("registry", "ok", "answers"))
    else:
        status: Literal["warning", "problem"] = "warning" if host is None else "problem"
        findings.append(Finding("registry", status, index, f"{proxy}, or an index with PIP_INDEX_URL"))
    return findings


def _packages(python: Path | None) -> list[Finding]:
    needed = _upstream_requirements()
    try:
        facts = _ask(python, [requirement.name for requirement in needed])
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return [Finding("python", "problem", f"{python or sys.executable} does not run: {error}", "see --python")]
    version = tuple(map(int, facts["python"]))
    shown = ".".join(map(str, version))
    findings = [Finding("python", "ok", shown)]
    if not (3, 10) <= version[:2] <= (3, 13):
        findings = [Finding("python", "problem", f"{shown} is not supported", "use Python 3.10 to 3.13")]
    install = install_command(str(python) if python else sys.executable)
    return [*findings, _torch(facts, install), _torchvision(facts), *_missing(needed, facts["found"], install)]


def _torch(facts: dict[str, Any], install: str) -> Finding:
    version = facts["torch"]
    if version is None:
        return Finding("torch", "problem", str(facts.get("torch_error", "not installed")), install)
    numbers = tuple(int(part) for part in str(version).split("+")[0].split(".")[:2])
    if numbers < (2, 1):
        return Finding("torch", "problem", f"{version} is too old", "pip install 'torch>=2.1'")
    return Finding("torch", "ok", f"{version}, {'CUDA' if facts['cuda'] else 'CPU only'}")


def _torchvision(facts: dict[str, Any]) -> Finding:
    if facts["nms"] == "ok":
        return Finding("torchvision", "ok", "matches torch")
    return Finding("torchvision", "problem", str(facts["nms"]), "install the torchvision release that matches torch")


def _missing(needed: Iterable[Requirement], found: dict[str, str | None], install: str) -> list[Finding]:
    absent = sorted(one.name for one in needed if found.get(one.name) is None)
    old = sorted(
        f"{one.name} {found[one.name]} (needs {one.specifier})"
        for one in needed
        if found.get(one.name) is not None and not one.specifier.contains(found[one.name] or "", prereleases=True)
    )
    if not absent and not old:
        return [Finding("packages", "ok", "everything that upstream's code needs")]
    text = "; ".join(filter(None, [f"missing: {', '.join(absent)}" if absent else "", ", ".join(old)]))
    return [Finding("packages", "problem", text, install)]


def _upstream_requirements() -> list[Requirement]:
    """The `upstream` extra, from the metadata of this installation."""
    lines = metadata.requires("yolopatch") or []
    requirements = [Requirement(line) for line in lines]
    chosen = [one for one in requirements if one.marker and one.marker.evaluate({"extra": "upstream"})]
    return [one for one in chosen if not one.marker or not one.marker.evaluate({"extra": ""})]


def _ask(python: Path | None, names: list[str]) -> dict[str, Any]:
    command = [str(python or sys.executable), "-I", "-c", _PROBE, json.dumps(names)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts
