#!/usr/bin/env bash
# The tests of tf-layers on instruction sets that this machine does not have: NEON under qemu, WebAssembly in Node.js.
# What a target needs and the machine lacks is installed where that is possible; else the target is skipped, and it is
# said what is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../runtime/tf-layers"

skip() {
    echo "skipped $1: $2" >&2
}

# has_std TARGET: whether Rust's standard library for the target is here, or can be had.
has_std() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ] ||
        { command -v rustup && rustup target add "$1"; } >/dev/null 2>&1
}

# has PROGRAM PACKAGE…: whether the program is here, or can be had from Debian's packages.
has() {
    command -v "$1" >/dev/null ||
        { [ "$(id -u)" = 0 ] && apt-get install --quiet=2 --yes "${@:2}"; } >/dev/null 2>&1
}

aarch64() {
    local target=aarch64-unknown-linux-gnu
    has_std $target || { skip NEON "rustup target add $target"; return; }
    has aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross ||
        { skip NEON "a linker: apt-get install gcc-aarch64-linux-gnu"; return; }
    has qemu-aarch64 qemu-user || { skip NEON "an emulator: apt-get install qemu-user"; return; }
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
        cargo test --release --target $target --lib --tests
}

wasm32() {
    local target=wasm32-wasip1
    has_std $target || { skip WebAssembly "rustup target add $target"; return; }
    has node nodejs || { skip WebAssembly "Node.js 20 or later, see https://nodejs.org"; return; }
    CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="-C target-feature=+simd128" \
        CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $here/wasi.mjs" \
        cargo test --release --target $target --lib --tests
}

aarch64
wasm32
