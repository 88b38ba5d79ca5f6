#!/usr/bin/env bash
# boot.sh IMAGE_DIR PAYLOAD_DIR: boots the image with the payload as its second disk, lets /payload/run
# have its way there, and prints what it said. Needs no KVM: QEMU translates, about twenty times
# slower than the machine. Nothing that the guest writes is kept.
set -euo pipefail

image=$1 payload=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mke2fs -q -t ext4 -d "$payload" "$work/payload.ext4" "$(($(du -sm "$payload" | cut -f1) + 64))M" >/dev/null
status=0
timeout "${VITRINE_VM_SECONDS:-1800}" nice -n 5 qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nodefaults -display none -no-reboot \
  -kernel "$image/vmlinuz" -initrd "$image/initrd" \
  -append "root=/dev/vda rw console=ttyS0 quiet" \
  -drive "file=$image/root.ext4,if=virtio,format=raw,snapshot=on" \
  -drive "file=$work/payload.ext4,if=virtio,format=raw,snapshot=on" \
  -serial "file:$work/console" -serial "file:$work/said" || status=$?
tr -d '\r' <"$work/said" || true
if [[ $status != 0 ]] || ! grep -q '^# end' "$work/said"; then
  echo "not ok - the virtual machine ran to its end (status $status); its console said:"
  tail -n 30 "$work/console" | tr -d '\r' | sed 's/^/#   /'
fi
