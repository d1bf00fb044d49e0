#!/usr/bin/env bash
# Runs `yolopatch validate` with PYTHON and what INPUT_... say, and exits with its code.
# Gives to GITHUB_OUTPUT: report, junit, failed; to GITHUB_STEP_SUMMARY a table.
set -uo pipefail

mkdir -p "${RUNNER_TEMP:?}/yolopatch"
place=$(mktemp -d "$RUNNER_TEMP/yolopatch/report-XXXXXX")
words=(--github --json --work "$place/validation" --junit "$place/junit.xml" --summary "$GITHUB_STEP_SUMMARY")

read -r -a upstreams <<<"${INPUT_UPSTREAM//[,$'\n']/ }"
for yolo in ${upstreams[@]+"${upstreams[@]}"}; do words+=("--yolo=$yolo"); done
words+=("--pins=$INPUT_PINS" "--variants=$INPUT_VARIANTS" "--level=$INPUT_LEVEL")
if [ -n "$INPUT_HEADS" ]; then words+=("--heads=$INPUT_HEADS"); fi
if [ -n "$INPUT_REMOTE" ]; then words+=("--remote=$INPUT_REMOTE"); fi

# Modules that lie in the folder of whoever uses the action are not for us.
export PYTHONSAFEPATH=1
"$PYTHON" -m yolopatch validate "${words[@]}" >"$place/report.json"
code=$?
"$PYTHON" "$ACTION_PATH/.github/scripts/outputs.py" "$place/report.json" "$place/junit.xml"
exit "$code"
