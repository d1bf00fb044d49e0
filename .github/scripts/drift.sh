#!/usr/bin/env bash
# Says in the job's summary whether the patches of UPSTREAM fit its newest commit, and exits with 1 where they do not.
# Gives to GITHUB_OUTPUT: junit.
set -uo pipefail

mkdir -p "${RUNNER_TEMP:?}/yolopatch"
place=$(mktemp -d "$RUNNER_TEMP/yolopatch/drift-XXXXXX")
words=("--yolo=$UPSTREAM" --exit-code --junit "$place/drift.xml" -q)
if [ -n "${REMOTE:-}" ]; then words+=("--remote=$REMOTE"); fi

"$PYTHON" -m yolopatch drift "${words[@]}" >"$place/drift.txt" 2>&1
code=$?
cat "$place/drift.txt"
{
  printf '### yolopatch drift, %s\n\n<pre>\n' "$UPSTREAM"
  # Subjects of upstream's commits stand in it.
  head -c 200000 "$place/drift.txt" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'
  printf '</pre>\n'
} >>"$GITHUB_STEP_SUMMARY"
printf 'junit=%s\n' "$place/drift.xml" >>"$GITHUB_OUTPUT"
exit "$code"
