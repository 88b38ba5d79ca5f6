#!/usr/bin/env bash
# image.sh DIR: a small Debian with Debian's own kernel, as files that QEMU boots: vmlinuz, initrd,
# root.ext4. Made once and kept in DIR, which the caller names after what goes into it.
set -euo pipefail

dir=$1
release=bookworm

# What the services are linked against, what Spaces are pushed with, and what the checks use.
packages=(
  linux-image-cloud-amd64 initramfs-tools systemd-sysv dbus kmod procps util-linux
  libjansson4 libssl3 libsqlite3-0 libmicrohttpd12 libwebsockets17 libcap2 libyaml-0-2
  libgit2-1.5 libargon2-1 zlib1g libpcre2-8-0 libutf8proc2 libcurl4 libpng16-16 libjpeg62-turbo
  git curl ca-certificates
)

[[ -f $dir/root.ext4 ]] && exit 0
mkdir -p "$dir"
work=$(mktemp -d "$dir/making.XXXXXX")
trap 'rm -rf "$work"' EXIT

# This machine's own package sources: whoever runs tests here can reach them.
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [[ -s $file ]] && grep -q "$release" "$file" && sources+=("$file")
done
include=$(IFS=, && printf '%s' "${packages[*]}")
mmdebstrap --quiet --variant=minbase --include="$include" "$release" "$work/root" "${sources[@]}"

# The second disk says what is to be done; its words leave by the second serial line.
cat >"$work/root/etc/systemd/system/payload.service" <<'UNIT'
[Unit]
Description=What the second disk wants done
After=multi-user.target

[Service]
Type=oneshot
Delegate=yes
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
ExecStart=/bin/sh -c 'mkdir -p /payload && mount /dev/vdb /payload && exec /payload/run'
ExecStopPost=/bin/systemctl poweroff --no-block

[Install]
WantedBy=multi-user.target
UNIT
ln -s ../payload.service "$work/root/etc/systemd/system/multi-user.target.wants/payload.service"

cp "$work"/root/boot/vmlinuz-* "$work/vmlinuz"
cp "$work"/root/boot/initrd.img-* "$work/initrd"
mke2fs -q -t ext4 -d "$work/root" "$work/root.ext4" 2G >/dev/null
mv "$work/vmlinuz" "$work/initrd" "$dir/"
mv "$work/root.ext4" "$dir/" # last: its presence says that the rest is whole
