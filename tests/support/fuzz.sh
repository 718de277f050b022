#!/usr/bin/env bash
# Runs fuzz targets, each for a bounded time: fuzz.sh SECONDS TARGET...
set -eu
seconds=$1
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
if ! rustup toolchain list 2>/dev/null | grep -q nightly; then
    rustup toolchain install nightly --profile minimal || {
        echo "fuzzing needs nightly Rust: rustup toolchain install nightly" >&2
        exit 1
    }
fi
cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz
cd "$root/rust"
for target in "$@"; do
    corpus=fuzz/corpus/$target
    mkdir -p "$corpus"
    echo "== $target, $seconds s" >&2
    cargo +nightly fuzz run --fuzz-dir fuzz "$target" "$corpus" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -dict="fuzz/dict/$target.dict" -print_final_stats=1
done
