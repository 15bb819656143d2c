#!/usr/bin/env bash
# The tests of tf-layers where a wrong access to memory does not go unseen: between inaccessible pages on every
# instruction set, under valgrind (which has no AVX-512), with AddressSanitizer, and the worker threads in Miri, which
# finds data races. A tool that this machine lacks is skipped, and it is said what is missing.
set -euo pipefail
cd "$(dirname "$0")/../../runtime/tf-layers"

skip() {
    echo "skipped $1: $2" >&2
}

# Reads and writes beyond an end are found by `cargo test` itself: see src/guard_pages.rs.
guard_pages() {
    for isa in portable4 portable avx2 avx512 amx; do
        for side in start end; do
            TF_LAYERS_ISA=$isa TF_LAYERS_GUARD=$side cargo test --release --lib --tests -- --quiet
        done
    done
}

valgrind_memcheck() {
    command -v valgrind >/dev/null || { skip valgrind "apt-get install valgrind"; return; }
    # The exhaustive tests of functions are left out: they take an hour, and load as the others do. So are uses of values
    # that were never set: safe Rust has none, and what the optimiser makes of an `Option` looks like one.
    local runner="valgrind --quiet --error-exitcode=1 --fair-sched=yes --undef-value-errors=no"
    TF_LAYERS_GUARD=none CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$runner \
        cargo test --release --target x86_64-unknown-linux-gnu --lib --tests -- --quiet \
        --skip is_exact --skip is_close --skip guard_pages
}

has_nightly() {
    rustc +nightly --version >/dev/null 2>&1
}

address_sanitizer() {
    has_nightly || { skip AddressSanitizer "rustup toolchain install nightly"; return; }
    TF_LAYERS_GUARD=none RUSTFLAGS=-Zsanitizer=address \
        cargo +nightly test --release --target x86_64-unknown-linux-gnu --lib --tests -- --quiet
}

miri() {
    { has_nightly && rustup +nightly component add miri rust-src; } >/dev/null 2>&1 ||
        { skip Miri "rustup +nightly component add miri rust-src"; return; }
    MIRIFLAGS="-Zmiri-many-seeds=0..4" \
        cargo +nightly miri test --lib kernels::threads
}

# All of them, or those that the command line names.
[ $# -gt 0 ] || set -- guard_pages valgrind_memcheck address_sanitizer miri
for check in "$@"; do
    $check
done
