#!/bin/sh
# Boxes under Debian's own kernel: cgroup v2 with its controllers, Landlock's second ABI, no MDWE.
# shellcheck source=tests/vm/guest/lib.sh
. /payload/lib.sh

controllers() {
  for c in memory pids cpu; do
    grep -qw $c /sys/fs/cgroup/cgroup.controllers || return 1
  done
}

check "the kernel is Debian's" sh -c 'uname -r | grep -q "^6\.1\."'
check "cgroup v2 has memory, pids and cpu" controllers
while read -r test; do
  check "${test##*/} passes on this kernel" "$test" </dev/null
done </payload/tests
