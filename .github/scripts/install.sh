#!/usr/bin/env bash
# Installs yolopatch from ACTION_PATH into an environment of its own, made with PYTHON.
# Gives to GITHUB_OUTPUT: python, the environment's interpreter.
set -euo pipefail

root=$(cd "$ACTION_PATH" && pwd)
place=${RUNNER_TEMP:?}/yolopatch/venv
"$PYTHON" -m venv "$place"
python=$place/bin/python
[ -x "$python" ] || python=$place/Scripts/python.exe

# PyTorch's own index has wheels for the CPU alone, a tenth of the size of those on PyPI. All else is from PyPI.
read -r -a wanted <<<"$(grep -E '^(torch|torchvision)==' "$root/constraints.txt" | tr '\r\n' '  ')"
"$python" -m pip install -q --index-url https://download.pytorch.org/whl/cpu "${wanted[@]}" ||
  "$python" -m pip install -q "${wanted[@]}"
"$python" -m pip install -q -c "$root/constraints.txt" "$root[upstream]"
printf 'python=%s\n' "$python" >>"$GITHUB_OUTPUT"
