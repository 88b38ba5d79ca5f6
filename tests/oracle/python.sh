#!/usr/bin/env bash
# python.sh SCRIPT [ARGUMENT...]: runs it with the packages of requirements.txt, which are kept
# outside the clone between runs. 77: they cannot be had here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
env=${XDG_CACHE_HOME:-$HOME/.cache}/vitrine/oracle
mkdir -p "$env"
exec 9>"$env/lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$env/complete"; then
  if ! { python3 -m venv "$env" &&
    timeout 600 "$env/bin/pip" install --quiet -r "$here/requirements.txt"; }; then
    echo "SKIPPED: the packages of tests/oracle/requirements.txt cannot be installed"
    exit 77
  fi
  cp "$here/requirements.txt" "$env/complete"
fi
exec 9>&-
exec "$env/bin/python" "$@"
