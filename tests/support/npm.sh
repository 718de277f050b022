#!/usr/bin/env bash
# Installs what package-lock.json in the folder named asks for, and nothing else, from the registry that npm is set to.
# In CI it must succeed; elsewhere the tests that need it are skipped with a reason.
set -eu
command -v npm >/dev/null || "$(dirname "$0")/packages.sh" nodejs npm
if ! (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null); then
    echo "could not install what $1 asks for with npm" >&2
    [ -z "${CI:-}" ] || exit 1
    mkdir -p "$1/node_modules" # asked for again when the lock file changes, or after `make clean`
    touch "$1/node_modules/.package-lock.json"
fi
