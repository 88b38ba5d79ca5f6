#!/usr/bin/env bash
# run.sh CLONE: what a newcomer does, on a Debian that has nothing but git: clone, scripts/up, open the
# page, push a Space. The new machine is a folder made by mmdebstrap and entered with pivot_root (in a
# plain chroot the kernel refuses user namespaces); it shares this machine's kernel, processors and
# network, and is thrown away. Needs root and the package sources. Prints "ok - NAME" lines.
set -euo pipefail

clone=$1
release=bookworm
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [[ -s $file ]] && grep -q "$release" "$file" && sources+=("$file")
done
mmdebstrap --quiet --variant=minbase --include=git,ca-certificates "$release" "$work/root" "${sources[@]}"

# How this machine reaches packages: the new one stands in the same place.
for path in /etc/resolv.conf /etc/hosts /etc/apt /etc/ssl/certs /etc/npmrc "$HOME/.npmrc"; do
  [[ -e $path ]] || continue
  mkdir -p "$work/root$(dirname "$path")"
  rm -rf "$work/root$path"
  cp -aL "$path" "$work/root$path"
done
git clone -q --bare "$clone" "$work/root/vitrine.git"
cp "$(dirname "${BASH_SOURCE[0]}")/newcomer.sh" "$work/root/newcomer.sh"

# shellcheck disable=SC2016 # the inner shell's own variables
unshare --mount --pid --fork --kill-child bash -c '
  set -e
  cd "$1"
  mount --make-rprivate /
  mount --bind . .
  cd "$1"
  mount -t proc proc proc
  mount --rbind /sys sys
  mount --rbind /dev dev
  mount -t tmpfs tmpfs tmp
  mkdir -p outside
  pivot_root . outside
  umount -l outside
  exec env HOME=/root bash /newcomer.sh
' bash "$work/root"
