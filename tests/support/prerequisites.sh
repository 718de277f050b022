#!/usr/bin/env bash
# What building needs: Python 3.11 with venv, Rust stable, a C compiler. Missing Debian packages are installed where
# apt can be used; anything else that is missing is told in one sentence.
set -eu
python=${1:-python3}

if ! command -v "$python" >/dev/null || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "LightMail needs Python 3.11 or newer as '$python' (on Debian 12: apt-get install python3); set PYTHON=... to use another." >&2
    exit 1
fi
if ! command -v cargo >/dev/null; then
    echo "LightMail needs Rust stable: 'cargo' was not found on the PATH (https://rustup.rs)." >&2
    exit 1
fi

packages=()
"$python" -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
command -v cc >/dev/null || packages+=(gcc libc6-dev)
if ((${#packages[@]})); then
    REQUIRED=1 "$(dirname "$0")/packages.sh" "${packages[@]}" || {
        echo "LightMail needs the packages ${packages[*]}, and they could not be installed here." >&2
        exit 1
    }
fi
