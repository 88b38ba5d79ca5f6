#!/bin/sh
# vitrine doctor on a clean machine: the full promise as root, the lesser one without, and the truth
# about an older kernel.
# shellcheck source=tests/vm/guest/lib.sh
. /payload/lib.sh

bin=$(dirname "$(head -n 1 /payload/tests)")
user="setpriv --reuid 1000 --regid 1000 --clear-groups"

says() {
  grep -q "$1" /tmp/doctor || {
    cat /tmp/doctor
    return 1
  }
}

as_root() {
  "$bin/vitrine" doctor >/tmp/doctor || says 'nothing is missing'
}

as_user() {
  $user "$bin/vitrine" doctor --data /nonexistent >/tmp/doctor || says 'nothing is missing'
}

nothing_left() {
  ! find /sys/fs/cgroup -name 'vitrine-*' | grep .
}

check "as root the doctor proves the full promise" as_root
check "it says that Landlock has no ports here" says 'ABI 2: files only'
check "it says that memory is limited, and has tried" says 'memory limit .* was ended'
check "it says that a busy box is held back, and has tried" says 'CPU limit .* held back'
check "it says that this kernel has no MDWE" says 'no new machine code .* older than 6.3'
check "as an ordinary user it proves the lesser promise" as_user
check "and says what is missing to the full one" says 'no .* uid of its own'
check "neither leaves a cgroup behind" nothing_left
