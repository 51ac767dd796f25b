#!/bin/sh
# Installs GLB Optimizer: from a release file, from an unpacked release, or by building the clone that it stands in.
#
#   ./install.sh                      builds or unpacks, and installs ~/.local/bin/glb-optimizer
#   ./install.sh --release FILE|URL   installs a release file, checked by its SHA-256
#   ./install.sh --run                does the same, then serves the page on http://127.0.0.1:5000
#   ./install.sh --help               every option
#
# It never installs or changes Rust. It installs system packages only for a build, only as root or with sudo, only when
# some are missing, and only after asking. Running it again changes what is new and nothing else.
# Everything is in functions, called in the last line: half a script does nothing.

set -eu

# What a release needs: .ci/release reads it here, and makes none that needs a newer one.
OLDEST_GLIBC=2.34
# Keep in step with OLDEST_NODE in build.rs: as 100 * major + minor.
OLDEST_NODE=2019
NODE_ADVICE="Node.js 20.19 or newer with npm (https://nodejs.org), then run this again"

usage() {
    cat <<'END'
Usage: ./install.sh [--release FILE|URL [--sha256 SUM]] [--prefix DIR] [--service] [--yes] [--run]
       ./install.sh --uninstall [--prefix DIR]

  --release FILE|URL  install this release file; without it, the unpacked release or the clone that this script is in
  --sha256 SUM        what its SHA-256 must be; without it, what the file beside it says (its name and .sha256)
  --prefix DIR        install DIR/bin/glb-optimizer (default: ~/.local; /usr/local for a service by root)
  --service           serve by systemd: as root from boot on, with a user of its own; else for you, while you are logged in
  --yes               install missing system packages without asking
  --run               serve the page afterwards; PORT, HOST and DATA_DIR are obeyed
  --uninstall         remove what this script installed; models, results and settings stay
END
}

say() { echo "install.sh: $*"; }

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" -eq 0 ]; }

as_root() {
    if is_root; then "$@"; else sudo "$@"; fi
}

# --- a build ----------------------------------------------------------------------------------------------------------

# The programs that the build needs and that are missing, in the words of `package_of`.
missing_parts() {
    { has "${CC:-cc}" && has "${CXX:-c++}"; } || echo compiler
    # AVIF's encoder is built by cmake and make, and on x86 with nasm.
    has cmake || echo cmake
    has make || echo make
    needs_no_nasm || has nasm || has yasm || echo nasm
    has_libclang || echo libclang
    node_is_new_enough || echo node
    has npm || echo npm
}

# A library without a program: what the build finds is asked of the loader, or is where LLVM's packages put it.
has_libclang() {
    [ -z "${LIBCLANG_PATH:-}" ] || return 0
    ! ldconfig -p 2>/dev/null | grep -q 'libclang\(-[0-9.]*\)\{0,1\}\.so' || return 0
    for library in /usr/lib/libclang*.so* /usr/lib/llvm*/lib/libclang*.so* /usr/lib64/libclang*.so* \
        /opt/homebrew/opt/llvm/lib/libclang.dylib /usr/local/opt/llvm/lib/libclang.dylib \
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

# The program that installs packages here: Debian and Ubuntu, Fedora, Alpine, macOS with Homebrew.
package_manager() {
    for program in apt-get dnf apk brew; do
        ! has $program || { echo $program && return; }
    done
}

# What the package with a part is called.
package_of() {
    case $1:$2 in
    apt-get:compiler | apk:compiler) echo g++ ;; # brings the C compiler, the linker and the C library's headers with it
    dnf:compiler) echo gcc-c++ ;;
    brew:compiler) echo gcc ;;
    apt-get:libclang) echo libclang1 ;;
    dnf:libclang) echo clang-libs ;;
    apk:libclang) echo clang-dev ;;
    brew:libclang) echo llvm ;;
    brew:node | brew:npm) echo node ;;
    *:node) echo nodejs ;;
    *) echo "$2" ;;
    esac
}

install_with() {
    case $1 in
    apt-get)
        as_root apt-get update -q
        require_packaged_node
        shift
        # </dev/null: it must not eat a script that comes by a pipe.
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null
        ;;
    dnf) shift && as_root dnf install -y "$@" </dev/null ;;
    apk) shift && as_root apk add "$@" </dev/null ;;
    brew) shift && brew install "$@" </dev/null ;;
    esac
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
    parts=$(missing_parts | tr '\n' ' ')
    [ -n "$parts" ] || return 0
    manager=$(package_manager)
    [ -n "$manager" ] || fail "missing: $parts- install a C and C++ compiler, cmake, make, nasm, libclang and $NODE_ADVICE"
    packages=$(for part in $parts; do package_of "$manager" "$part"; done | sort -u | tr '\n' ' ')
    [ "$manager" = brew ] || is_root || has sudo || fail "missing: $packages- as root: $manager install $packages"
    agreed "Missing: $packages- install with $manager?" ||
        fail "missing: $packages- install them, or run this again with --yes"
    say "installing with $manager: $packages"
    # The list is split into words on purpose.
    # shellcheck disable=SC2086
    install_with "$manager" $packages
    left=$(missing_parts | tr '\n' ' ')
    [ -z "$left" ] || fail "still missing after $manager: $left- install it by hand, then run this again"
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
    PATH="$PATH${HOME:+:$HOME/.cargo/bin}"
    oldest=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml)
    has cargo || fail "Rust is missing: get it from https://rustup.rs, open a new shell and run this again"
    version=$(cargo --version) || fail "cargo does not work: try 'rustup default stable'"
    minor=$(echo "$version" | cut -d. -f2)
    [ "$minor" -ge "$oldest" ] ||
        fail "$version is too old: 1.$oldest or newer is needed; 'rustup update stable' brings it"
}

build() {
    say "looking for Rust, a C++ compiler, cmake, nasm, libclang and Node.js"
    require_rust
    install_packages
    say "building; the first time takes some minutes"
    cargo build --release --locked
    program=${CARGO_TARGET_DIR:-target}/release/glb-optimizer
    units=assets/deploy
}

# --- a release --------------------------------------------------------------------------------------------------------

download() {
    say "fetching $1"
    if has curl; then
        curl -fsSL --retry 3 -o "$2" "$1"
    elif has wget; then
        wget -q -O "$2" "$1"
    else
        fail "curl or wget is needed to fetch $1; fetch it by other means and name the file with --release"
    fi
}

sha256_of() {
    if has sha256sum; then
        sha256sum "$1" | cut -d' ' -f1
    elif has shasum; then
        shasum -a 256 "$1" | cut -d' ' -f1
    else
        openssl dgst -sha256 "$1" | sed 's/.*= //'
    fi
}

# Leaves the unpacked release in $scratch/release.
unpack() {
    archive=$scratch/archive.tar.gz
    case $1 in
    *://*)
        download "$1" "$archive" || fail "$1 cannot be fetched"
        [ -n "$sum" ] || ! download "$1.sha256" "$scratch/sum" || sum=$(cut -d' ' -f1 "$scratch/sum")
        ;;
    *)
        [ -f "$1" ] || fail "there is no file $1"
        cp "$1" "$archive"
        [ -n "$sum" ] || [ ! -f "$1.sha256" ] || sum=$(cut -d' ' -f1 "$1.sha256")
        ;;
    esac
    [ -n "$sum" ] || fail "nothing says what the SHA-256 of $1 must be: put $1.sha256 beside it, or say --sha256"
    found=$(sha256_of "$archive")
    [ "$found" = "$sum" ] || fail "$1 is not what it should be: its SHA-256 is $found, and not $sum"
    mkdir "$scratch/release"
    tar -xzf "$archive" -C "$scratch/release" --strip-components=1 || fail "$1 cannot be unpacked"
    use_release "$scratch/release"
}

use_release() {
    [ -x "$1/bin/glb-optimizer" ] || fail "there is no bin/glb-optimizer in the release"
    program=$1/bin/glb-optimizer
    units=$1/lib/systemd
}

# --- what is installed ------------------------------------------------------------------------------------------------

# Puts a file in place if it is another one. Beside the old one and then renamed over it: a running server keeps its own.
place() {
    ! cmp -s "$1" "$2" || return 0
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.new"
    chmod "$3" "$2.new"
    mv "$2.new" "$2"
    changed=1
    say "installed $2"
}

install_files() {
    version=$("$program" --version) ||
        fail "the executable does not run on this system; a release needs Linux with glibc $OLDEST_GLIBC or newer"
    pages=$scratch/pages
    mkdir "$pages"
    place "$program" "$prefix/bin/glb-optimizer" 755
    # Made by the program itself, so that they go with it.
    "$program" man "$pages"
    for page in "$pages"/*.1; do
        place "$page" "$prefix/share/man/man1/$(basename "$page")" 644
    done
    "$program" completions bash >"$pages/bash"
    "$program" completions zsh >"$pages/zsh"
    "$program" completions fish >"$pages/fish"
    place "$pages/bash" "$prefix/share/bash-completion/completions/glb-optimizer" 644
    place "$pages/zsh" "$prefix/share/zsh/site-functions/_glb-optimizer" 644
    place "$pages/fish" "$prefix/share/fish/vendor_completions.d/glb-optimizer.fish" 644
    if [ -n "$changed" ]; then say "done: $(echo "$version" | head -n 1)"; else say "nothing has changed"; fi
    case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) say "$prefix/bin is not in your PATH; add it to call glb-optimizer by its name" ;;
    esac
}

# --- the service ------------------------------------------------------------------------------------------------------

# systemctl for the system or for the user, as `unit_folder` is. Where the user's can be asked is known of every user, but
# cron and sudo do not say it.
control() {
    if is_root; then systemctl "$@"; else XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} systemctl --user "$@"; fi
}

unit_folder() {
    if [ -n "${UNIT_DIR:-}" ]; then
        echo "$UNIT_DIR"
    elif is_root; then
        echo /etc/systemd/system
    else
        echo "${XDG_CONFIG_HOME:-${HOME:-}/.config}/systemd/user"
    fi
}

# Who makes a package or an image says where units go (UNIT_DIR), and starts nothing.
has_systemd() {
    [ -z "${UNIT_DIR:-}" ] && has systemctl && [ -d /run/systemd/system ]
}

install_service() {
    [ "$(uname -s)" = Linux ] ||
        fail "--service is for systemd; on $(uname -s) let its own service manager run $prefix/bin/glb-optimizer"
    names=glb-optimizer-user
    ! is_root || names="glb-optimizer glb-optimizer-work"
    for name in $names; do
        sed "s|^ExecStart=[^ ]*|ExecStart=$prefix/bin/glb-optimizer|" "$units/$name.service" >"$scratch/unit"
        place "$scratch/unit" "$(unit_folder)/${name%-user}.service" 644
    done
    ! is_root || place "$units/glb-optimizer.socket" "$(unit_folder)/glb-optimizer.socket" 644
    if ! has_systemd; then
        say "systemd does not run here: the unit is in place, and starts when it does and is enabled"
        return
    fi
    start_service
}

# Where systemd fails, its own words do not say what is in place by then, and what is left to do.
start_service() {
    by_hand=systemctl when='When it does'
    is_root || by_hand='systemctl --user' \
        when="When you have logged in (su and sudo are not enough), or 'loginctl enable-linger' lets it run without"
    control daemon-reload || fail "all files are in place, but systemd does not answer. \
$when: $by_hand daemon-reload && $by_hand enable glb-optimizer && $by_hand restart glb-optimizer"
    # A running service of the old version goes on with the new one; its jobs are kept. What is enabled stays as it is.
    known=''
    for name in glb-optimizer.service glb-optimizer.socket glb-optimizer-work.service; do
        control -q is-enabled "$name" 2>/dev/null || control -q is-active "$name" || continue
        known=1
        case $name in *.socket) continue ;; esac
        [ -z "$changed" ] || control try-restart "$name" || not_started "$name"
    done
    [ -n "$known" ] || control enable --now glb-optimizer || not_started glb-optimizer
    if control -q is-active glb-optimizer.service glb-optimizer.socket; then
        say "glb-optimizer serves http://127.0.0.1:5000, or where its settings say; see: $by_hand status glb-optimizer"
    else
        say "glb-optimizer does not serve now; to start it: $by_hand start glb-optimizer"
    fi
    is_root || [ -e "/var/lib/systemd/linger/$(id -un 2>/dev/null)" ] ||
        say "it starts when you log in and stops when you log out; to serve from boot on: loginctl enable-linger"
}

not_started() {
    fail "all files are in place, but $1 does not start. $by_hand status $1 says why; afterwards: $by_hand restart $1"
}

uninstall() {
    if has_systemd && [ -e "$(unit_folder)/glb-optimizer.service" ]; then
        control disable --now glb-optimizer.service || true
        ! is_root || control disable --now glb-optimizer.socket glb-optimizer-work.service || true
    fi
    removed=''
    for file in "$(unit_folder)"/glb-optimizer.service "$(unit_folder)"/glb-optimizer.socket \
        "$(unit_folder)"/glb-optimizer-work.service "$prefix"/bin/glb-optimizer "$prefix"/share/man/man1/glb-optimizer*.1 \
        "$prefix"/share/bash-completion/completions/glb-optimizer "$prefix"/share/zsh/site-functions/_glb-optimizer \
        "$prefix"/share/fish/vendor_completions.d/glb-optimizer.fish; do
        [ -e "$file" ] || continue
        rm -f "$file"
        removed=1
        say "removed $file"
    done
    ! has_systemd || control daemon-reload || say "systemd does not answer: what runs of it goes on until it is stopped"
    [ -n "$removed" ] || say "nothing of it is installed in $prefix"
    say "models and results stay: /var/lib/glb-optimizer of a service, ${XDG_DATA_HOME:-~/.local/share}/glb-optimizer else"
}

# --- from the top ------------------------------------------------------------------------------------------------------

clean_up() { rm -rf "$scratch"; }

read_options() {
    prefix='' release='' sum='' service='' assume_yes='' run='' remove='' changed=''
    while [ $# -gt 0 ]; do
        case $1 in
        --release | --sha256 | --prefix)
            [ $# -ge 2 ] || fail "$1 needs a value"
            case $1 in --release) release=$2 ;; --sha256) sum=$2 ;; --prefix) prefix=$2 ;; esac
            shift
            ;;
        --service) service=1 ;;
        --yes) assume_yes=1 ;;
        --run) run=1 ;;
        --uninstall) remove=1 ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && fail "unknown option $1" ;;
        esac
        shift
    done
    # Root's home is known. Nobody else's is guessed, and a user's service has its place in it.
    [ -n "${HOME:-}" ] || ! is_root || HOME=/root
    [ -n "${HOME:-}" ] || { [ -n "$prefix" ] && [ -z "$service" ]; } ||
        fail "HOME is not set: set it, or say where to install, by --prefix DIR and without --service"
    if [ -z "$prefix" ]; then
        prefix=$HOME/.local
        # Where a service of the system can see it, or has been put before.
        ! is_root || { [ -z "$service" ] && [ ! -e /usr/local/bin/glb-optimizer ]; } || prefix=/usr/local
    fi
    # Relative to where it was called from, not to the clone.
    case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
    case $release in '' | /* | *://*) ;; *) release=$PWD/$release ;; esac
    # The service has a user of its own, who sees nothing of anybody's home.
    case $service:$(id -u):$prefix in
    1:0:/root | 1:0:/root/* | 1:0:/home | 1:0:/home/*) fail "a service of the system cannot run from $prefix; choose another --prefix" ;;
    # To a unit these mean something else.
    1:*[[:space:]\"\'\\%\$\&\|]*)
        fail "a service cannot run from $prefix: choose a --prefix without blanks and without any of \" ' \\ % $ & |"
        ;;
    esac
}

main() {
    read_options "$@"
    [ -z "$remove" ] || { uninstall && exit 0; }
    scratch=$(mktemp -d)
    # By the signals too: they end a shell without its EXIT.
    trap clean_up EXIT
    trap 'exit 1' HUP INT TERM
    if [ -n "$release" ]; then
        unpack "$release"
    else
        cd "$(dirname "$0")"
        if [ -x bin/glb-optimizer ] && [ ! -e Cargo.toml ]; then
            use_release "$PWD"
        else
            grep -qs '^name = "glb-optimizer"' Cargo.toml ||
                fail "run this inside a clone or an unpacked release of GLB Optimizer, or name a release file with --release"
            build
        fi
    fi
    install_files
    [ -z "$service" ] || install_service
    [ -z "$run" ] || { clean_up && exec "$prefix/bin/glb-optimizer"; }
}

main "$@"
