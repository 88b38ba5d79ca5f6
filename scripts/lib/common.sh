# Sourced by scripts/up, scripts/test and scripts/bench: where things are, installing what is
# missing, building. Everything here is quick when there is nothing to do.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${VITRINE_BUILD_DIR:-$root/build}

# What building and running takes. One line why for each: docs/dependencies.md.
packages_run=(
  build-essential cmake ninja-build pkg-config git ca-certificates
  libjansson-dev libssl-dev libsqlite3-dev libmicrohttpd-dev libwebsockets-dev libcap-dev
  libwebsockets-evlib-uv libuv1-dev libev-dev libseccomp-dev libyaml-dev libgit2-dev libargon2-dev
  zlib1g-dev libpcre2-dev libutf8proc-dev libcurl4-openssl-dev liblua5.4-dev libpng-dev libjpeg-dev
)

# What the tests take beyond that.
packages_test=(
  lua5.4 clang libclang-rt-dev clang-format chromium shellcheck curl openssl systemd prometheus nginx-light caddy git-lfs
  libnss3-tools uacme pebble
)

# A virtual machine with Debian's own kernel (the suite vm).
packages_vm=(qemu-system-x86 mmdebstrap e2fsprogs)

# The peers that scripts/bench measures against.
packages_bench=(apache2-bin bubblewrap curl git-lfs lua5.4 nginx-light)

say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "$(basename "$0"): $*"
  exit 1
}

# Prints those of the packages that are not installed. One dpkg-query for all: 30 ms.
missing_packages() {
  local installed
  # It exits with 1 when it does not know one of them, which is what we are asking.
  installed=$({ dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } |
    sed -n 's/^installed //p')
  comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed" | sort -u)
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root, and there is no sudo: $*"
  fi
}

# Installs what is missing of the named Debian packages.
ensure_packages() {
  local missing
  command -v dpkg-query >/dev/null ||
    die "this script installs Debian packages, and there is no dpkg here; needed: $*"
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} == 0 ]] && return 0
  say "installing: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# Any node from 18 on will do; Debian's where there is none.
ensure_node() {
  if command -v node >/dev/null && command -v npm >/dev/null; then
    return 0
  fi
  ensure_packages nodejs npm
}

# ensure_npm FOLDER: what its lock file names is in its node_modules.
ensure_npm() {
  local dir=$1
  [[ $dir/node_modules/.package-lock.json -nt $dir/package-lock.json ]] && return 0
  say "installing npm packages in ${dir#"$root"/}"
  (cd "$dir" && npm ci --no-audit --no-fund --loglevel=error >&2) || return 1
  touch "$dir/node_modules/.package-lock.json"
}

# configure DIR [CMAKE OPTION...]: only the first time; ninja looks for changes later.
configure() {
  local dir=$1
  shift
  [[ -f $dir/build.ninja ]] && return 0
  local launcher=()
  command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
  cmake -S "$root" -B "$dir" -G Ninja "${launcher[@]}" "$@" >"$dir.log" 2>&1 || {
    cat "$dir.log" >&2
    rm -f "$dir.log"
    die "cmake could not configure ${dir#"$root"/}"
  }
  rm -f "$dir.log"
}

# compile DIR [TARGET...]: silent unless something fails.
compile() {
  local dir=$1 log status=0
  shift
  log=$(mktemp)
  nice -n 5 ninja -C "$dir" "$@" >"$log" 2>&1 || status=$?
  [[ $status == 0 ]] || grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\)' "$log" >&2
  rm -f "$log"
  [[ $status == 0 ]] || die "the build failed"
}

# A free TCP port on loopback, as the kernel gives it.
free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1",
    () => { console.log(s.address().port); s.close(); });'
}
