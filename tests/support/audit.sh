#!/usr/bin/env bash
# Known vulnerabilities of what is pinned: Python's by pip-audit, Rust's by cargo-audit. Asks their advisory databases,
# and fails when one cannot be asked: what was not looked at is not sound.
set -eu
cd "$(dirname "$0")/../.."
venv=target/audit
[ -x "$venv/bin/pip-audit" ] || {
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --require-hashes -r requirements-audit.lock
}
failed=0
for lock in requirements.lock requirements-dev.lock; do
    echo "== $lock" >&2
    "$venv/bin/pip-audit" --strict --require-hashes --disable-pip --requirement "$lock" || failed=1
done
cargo audit --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-audit
for lock in Cargo.lock rust/fuzz/Cargo.lock; do
    echo "== $lock" >&2
    cargo audit --deny warnings --file "$lock" || failed=1
done
exit "$failed"
