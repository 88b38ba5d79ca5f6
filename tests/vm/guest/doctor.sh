#!/bin/sh
# vitrine doctor on a clean machine: the full promise as root, the lesser one of an ordinary user's
# service with the limits that it can have there, and the truth about an older kernel.
# shellcheck source=tests/vm/guest/lib.sh
. /payload/lib.sh

bin=$(dirname "$(head -n 1 /payload/tests)")

says() {
  grep -q "$1" /tmp/doctor || {
    cat /tmp/doctor
    return 1
  }
}

as_root() {
  "$bin/vitrine" doctor >/tmp/doctor || says 'nothing is missing'
}

# A service of an ordinary user, as a unit file would have it.
as_delegated() {
  systemd-run --quiet --uid=nobody --property=Delegate=yes --pipe --wait \
    "$bin/vitrine" doctor --data /nonexistent >/tmp/doctor || says 'nothing is missing'
}

nothing_left() {
  ! find /sys/fs/cgroup -name 'vitrine-[0-9]*' | grep .
}

check "as root the doctor proves the full promise" as_root
check "it says that Landlock has no ports here" says 'ABI 2: files only'
check "it says that memory is limited, and has tried" says 'memory limit .* was ended'
check "it says that CPU is limited" says 'ok .* CPU limit'
check "it says that this kernel has no MDWE" says 'no new machine code .* older than 6.3'
check "as an ordinary user, in a delegated folder, it proves the lesser promise" as_delegated
check "it says what is missing to the full one" says 'no .* uid of its own'
check "memory is limited there, and it has tried" says 'memory limit .* was ended'
check "the number of processes is limited there" says 'ok .* process limit'
check "CPU is limited there" says 'ok .* CPU limit'
check "neither leaves a cgroup behind" nothing_left
