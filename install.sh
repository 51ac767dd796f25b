#!/bin/sh
# Builds GLB Optimizer from this clone and installs it.
#
#   ./install.sh           builds, and installs ~/.local/bin/glb-optimizer
#   ./install.sh --run     does the same, then serves the page on http://127.0.0.1:5000
#   ./install.sh --help    every option
#
# It never installs or changes Rust. It installs system packages only as root or with sudo, only when some
# are missing, and only after asking. Running it again builds what changed and replaces the executable.
# Everything is in functions, called in the last line: half a script does nothing.

set -eu

# Keep in step with OLDEST_NODE in build.rs: as 100 * major + minor.
OLDEST_NODE=2019
NODE_ADVICE="Node.js 20.19 or newer with npm (https://nodejs.org), then run this again"

usage() {
    cat <<'END'
Usage: ./install.sh [--prefix DIR] [--yes] [--run]

  --prefix DIR  install DIR/bin/glb-optimizer (default: ~/.local)
  --yes         install missing system packages without asking
  --run         serve the page afterwards; PORT, HOST and DATA_DIR are obeyed
END
}

say() { echo "install.sh: $*"; }

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The Debian packages for the programs that the build needs and that are missing.
missing_packages() {
    # g++ brings the C compiler, the linker and the C library's headers with it.
    { has "${CC:-cc}" && has "${CXX:-c++}"; } || printf 'g++ '
    # AVIF's encoder is built by cmake and make, and on x86 with nasm.
    has cmake || printf 'cmake '
    has make || printf 'make '
    needs_no_nasm || has nasm || has yasm || printf 'nasm '
    has_libclang || printf 'libclang1 '
    node_is_new_enough || printf 'nodejs '
    has npm || printf 'npm '
}

# A library without a program: what the build finds is asked of the loader, or is where LLVM's packages put it.
has_libclang() {
    [ -z "${LIBCLANG_PATH:-}" ] || return 0
    ! ldconfig -p 2>/dev/null | grep -q 'libclang\(-[0-9.]*\)\{0,1\}\.so' || return 0
    for library in /usr/lib/llvm*/lib/libclang*.so* /usr/lib64/libclang*.so* \
        /Library/Developer/CommandLineTools/usr/lib/libclang.dylib \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib/libclang.dylib; do
        [ ! -e "$library" ] || return 0
    done
    return 1
}

needs_no_nasm() {
    case $(uname -m) in x86_64 | amd64 | i?86) return 1 ;; esac
}

node_is_new_enough() {
    has node && node -e 'const [major, minor] = process.versions.node.split(".");
        process.exit(100 * major + +minor >= Number(process.argv[1]) ? 0 : 1)' "$OLDEST_NODE"
}

# Whether the answer to the question is yes. Asked on the terminal, because stdin may be this script.
agreed() {
    [ -z "$assume_yes" ] || return 0
    # In a subshell: a failed redirection of `:` ends a POSIX shell.
    (: >/dev/tty) 2>/dev/null || return 1
    printf 'install.sh: %s [Y/n] ' "$1" >/dev/tty
    read -r answer </dev/tty || return 1
    case $answer in '' | y | Y | yes) return 0 ;; *) return 1 ;; esac
}

install_packages() {
    packages=$(missing_packages)
    [ -n "$packages" ] || return 0
    has apt-get || fail "missing: $packages(Debian's names): install a C and C++ compiler, cmake, make, nasm, libclang and $NODE_ADVICE"
    [ "$(id -u)" -eq 0 ] || has sudo || fail "missing: $packages- as root: apt-get install $packages"
    agreed "Missing: $packages- install with apt-get?" ||
        fail "missing: $packages- install them, or run this again with --yes"
    say "installing with apt-get: $packages"
    as_root apt-get update -q
    require_packaged_node
    # The list is split into words on purpose. </dev/null: apt-get must not eat a script that comes by a pipe.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages </dev/null
}

# Debian 12 and Ubuntu 24.04 still have Node.js 18: better said before anything is installed.
require_packaged_node() {
    ! node_is_new_enough || return 0
    candidate=$(apt-cache policy nodejs | sed -n 's/^ *Candidate: //p')
    dpkg --compare-versions "${candidate:-0}" ge 20.19 ||
        fail "this system's package of Node.js is ${candidate:-missing}, which is too old: install $NODE_ADVICE"
}

# The oldest Rust is said once, in Cargo.toml.
require_rust() {
    PATH="$PATH:$HOME/.cargo/bin"
    oldest=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml)
    has cargo || fail "Rust is missing: get it from https://rustup.rs, open a new shell and run this again"
    version=$(cargo --version) || fail "cargo does not work: try 'rustup default stable'"
    minor=$(echo "$version" | cut -d. -f2)
    [ "$minor" -ge "$oldest" ] ||
        fail "$version is too old: 1.$oldest or newer is needed; 'rustup update stable' brings it"
}

main() {
    prefix=${HOME:-/root}/.local
    assume_yes=''
    run=''
    while [ $# -gt 0 ]; do
        case $1 in
        --prefix)
            [ $# -ge 2 ] || fail "--prefix needs a folder"
            prefix=$2
            shift
            ;;
        --yes) assume_yes=1 ;;
        --run) run=1 ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && fail "unknown option $1" ;;
        esac
        shift
    done
    # Relative to where it was called from, not to the clone.
    case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
    cd "$(dirname "$0")"
    grep -qs '^name = "glb-optimizer"' Cargo.toml || fail "run this inside a clone of GLB Optimizer"

    say "looking for Rust, a C++ compiler, cmake, nasm, libclang and Node.js"
    require_rust
    install_packages
    say "building; the first time takes some minutes"
    cargo build --release --locked
    program=$prefix/bin/glb-optimizer
    say "installing $program"
    mkdir -p "$prefix/bin"
    # Beside the old one and then renamed over it: a running server keeps its own.
    cp "${CARGO_TARGET_DIR:-target}/release/glb-optimizer" "$program.new"
    mv "$program.new" "$program"
    say "done: $("$program" --version)"
    case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) say "$prefix/bin is not in your PATH; add it to call glb-optimizer by its name" ;;
    esac
    [ -z "$run" ] || exec "$program"
}

main "$@"
