# Sourced by scripts/test: one function for each suite. It leaves what came of it in passed, failed
# and skipped (names); a suite that cannot even run counts as one failure.
# shellcheck shell=bash

total_passed=0
total_failed=0
total_skipped=0
passed=0
failed=0
skipped=()

# Sets the figures of a suite that could not be run to the end.
suite_broken() {
  say "$*"
  passed=0
  failed=1
  skipped=()
}

# A skip is allowed when tests/skips.txt has "SUITE/NAME  reason".
skip_is_listed() {
  grep -Eq "^$1/$2[[:space:]]+[^[:space:]]" "$root/tests/skips.txt"
}

report_suite() {
  local suite=$1 name line
  for name in "${skipped[@]}"; do
    if skip_is_listed "$suite" "$name"; then
      say "skipped: $suite/$name (listed)"
    elif [[ ${CI:-} == true ]]; then
      say "skipped and not listed in tests/skips.txt: $suite/$name"
      failed=$((failed + 1))
    else
      say "skipped: $suite/$name"
    fi
  done
  line="$suite: $passed passed, $failed failed"
  [[ ${#skipped[@]} == 0 ]] || line+=", ${#skipped[@]} skipped"
  printf '%s\n' "$line"
  total_passed=$((total_passed + passed))
  total_failed=$((total_failed + failed))
  total_skipped=$((total_skipped + ${#skipped[@]}))
  passed=0
  failed=0
  skipped=()
}

report_all() {
  local line="$total_passed passed, $total_failed failed"
  [[ $total_skipped == 0 ]] || line+=", $total_skipped skipped"
  printf '%s\n' "$line"
  [[ $total_failed == 0 && $total_passed -gt 0 ]]
}

suite_lint() {
  local file
  if (cd "$root" && git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run --Werror); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
  for file in "$root"/scripts/{up,test,bench,package} "$root/.ci/run" "$root"/tests/{peer,oracle}/*.sh "$root"/tests/{vm,clean}/*.sh \
    "$root"/tests/vm/guest/*; do
    if (cd "$root" && shellcheck -x "$file"); then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
    fi
  done
}

# run_again DIR: what failed is run once more, alone, and what counts is that second run; prints how
# many failed again. With --full nothing is run twice.
run_again() {
  local dir=$1 names failed_again
  names=$(cut -d: -f2 "$dir/Testing/Temporary/LastTestsFailed.log")
  [[ -z ${VITRINE_TEST_FULL:-} ]] || {
    wc -l <<<"$names"
    return
  }
  # By name: --rerun-failed goes by numbers, which are others where tests are left out.
  ctest --test-dir "$dir" -R "^(${names//$'\n'/|})\$" --output-on-failure >"$dir/ctest-again.log" 2>&1 || true
  failed_again=$(sed -nE 's/.*tests passed, ([0-9]+) tests? failed out of.*/\1/p' "$dir/ctest-again.log")
  say "run again: ${names//$'\n'/, }; ${failed_again:-all} failed again, the others are flaky"
  printf '%s\n' "${failed_again:-$(wc -l <<<"$names")}"
}

# run_ctest DIR LEFT_OUT: figures from the JUnit file that ctest writes. The places that tests take
# are told in cmake/Vitrine.cmake.
run_ctest() {
  local dir=$1 left_out=$2 junit=$1/ctest.xml head all
  rm -f "$junit"
  ctest --test-dir "$dir" -j "$((4 * $(nproc)))" -E "$left_out" --output-on-failure --output-junit "$junit" >"$dir/ctest.log" 2>&1 || true
  [[ -f $junit ]] || {
    tail -n 50 "$dir/ctest.log" >&2
    suite_broken "ctest did not run"
    return
  }
  head=$(grep -m1 -A6 '<testsuite ' "$junit" | tr '\n' ' ')
  failed=$(sed -n 's/.*failures="\([0-9]*\)".*/\1/p' <<<"$head")
  mapfile -t skipped < <(grep '<testcase ' "$junit" | grep 'status="notrun"' |
    sed 's/.*<testcase name="\([^"]*\)".*/\1/')
  all=$(($(grep -c '<testcase ' "$junit") - ${#skipped[@]}))
  passed=$((all - failed))
  if [[ $failed != 0 || $passed == 0 ]]; then
    # The output of what failed, and the list.
    sed -n '/\*\*\*/,/^ *[0-9]*\/[0-9]* Test/p' "$dir/ctest.log" >&2
    sed -n '/tests failed/,$p' "$dir/ctest.log" >&2
  fi
  if [[ $failed != 0 ]]; then
    failed=$(run_again "$dir")
    passed=$((all - failed))
  fi
  [[ $passed != 0 ]] || failed=$((failed + 1))
}

suite_unit() {
  (configure "$build" && compile "$build") || {
    suite_broken "the Release build failed"
    return
  }
  run_ctest "$build" "^ui_"
}

suite_asan() {
  (configure "$build-asan" -DVITRINE_SANITIZE=ON && compile "$build-asan") || {
    suite_broken "the sanitized build failed"
    return
  }
  # Of what is in a package none is run but the help.
  ASAN_OPTIONS=detect_stack_use_after_return=0 \
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 run_ctest "$build-asan" "^(ui_.*|peer_package)$"
}

# run_node FOLDER COMMAND...: figures from the summary of node:test.
run_node() {
  local dir=$1 log status=0 name
  shift
  log=$(mktemp)
  (cd "$dir" && "$@") 2>&1 | tee "$log" >&2 || status=$?
  if grep -q '^sum pass ' "$log"; then
    # A runner that ran some files twice has summed up itself.
    passed=$(sed -n 's/^sum pass //p' "$log")
    failed=$(sed -n 's/^sum fail //p' "$log")
  else
    passed=$(sed -nE 's/^(#|ℹ) pass ([0-9]+)$/\2/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
    failed=$(sed -nE 's/^(#|ℹ) (fail|cancelled) ([0-9]+)$/\3/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
  fi
  mapfile -t skipped < <(sed -nE 's/^ *(ok [0-9]+ - |﹣ )(.*)( \([0-9.]+ms\))? # SKIP.*$/\2/p' "$log" |
    sed -E 's/ \([0-9.]+ms\)$//; s/[^A-Za-z0-9]+/-/g')
  # An exit status that the counts do not explain is a failure of its own.
  if [[ $status != 0 && $failed == 0 ]] || [[ $passed == 0 && $failed == 0 ]]; then
    failed=$((failed + 1))
  fi
  rm -f "$log"
}

# The same checks stand in ctest, for who builds with CMake alone; here each test counts.
suite_ui() {
  local check
  (configure "$build" && compile "$build" ui) || {
    suite_broken "the build failed"
    return
  }
  run_node "$root/ui" node test.mjs --proto "$build/proto/proto.ts"
  for check in "types.mjs --proto $build/proto/proto.ts" "size.mjs --out $build/ui"; do
    # shellcheck disable=SC2086 # words of a command
    if (cd "$root/ui" && node $check >&2); then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
    fi
  done
}

suite_e2e() {
  [[ -f $root/tests/e2e/package.json ]] || return 0
  ensure_npm "$root/tests/e2e" || {
    suite_broken "npm failed in tests/e2e/"
    return
  }
  (configure "$build" && compile "$build") || {
    suite_broken "the build failed"
    return
  }
  VITRINE_BUILD_DIR=$build VITRINE_NO_BUILD=1 run_node "$root/tests/e2e" node run.mjs
}

# The files that checks in the guest need, under the names they have here: paths are built in.
vm_payload() {
  local payload=$1 file
  mkdir -p "$payload/tree$build/bin" "$payload/checks"
  DESTDIR=$payload/tree cmake --install "$build" >"$build/install.log"
  cp "$build"/bin/vitrine* "$build"/bin/test_box* "$payload/tree$build/bin/"
  cp "$root"/tests/vm/guest/*.sh "$payload/checks/"
  mv "$payload/checks/lib.sh" "$payload/"
  cp "$root/tests/vm/guest/run" "$payload/"
  cp "$root/docs/operate.md" "$payload/"
  for file in "$build"/bin/test_{boxd,box_limits}; do
    printf '%s\n' "$file"
  done >"$payload/tests"
}

# Figures from lines "ok - NAME" and "not ok - NAME"; saying nothing is a failure.
count_ok_lines() {
  passed=$(grep -c '^ok - ' "$1" || true)
  failed=$(grep -c '^not ok - ' "$1" || true)
  [[ $passed != 0 ]] || failed=$((failed + 1))
}

# Debian's own kernel with cgroup v2 and systemd, in QEMU without KVM. The image is made once (two
# minutes) and kept outside the clone.
suite_vm() {
  local image work said
  image=${XDG_CACHE_HOME:-$HOME/.cache}/vitrine/vm-$(sha256sum "$root/tests/vm/image.sh" | cut -c1-12)
  (ensure_packages "${packages_vm[@]}" && configure "$build" && compile "$build" &&
    as_root bash "$root/tests/vm/image.sh" "$image") || {
    suite_broken "the virtual machine could not be made"
    return
  }
  # Images of earlier versions are of no use any more.
  find "${image%/*}" -maxdepth 1 -name 'vm-*' ! -path "$image" -exec rm -rf {} +
  work=$(mktemp -d)
  said=$work/said
  vm_payload "$work/payload"
  bash "$root/tests/vm/boot.sh" "$image" "$work/payload" | tee "$said" >&2 || true
  count_ok_lines "$said"
  rm -rf "$work"
}

# The README's first command on a Debian that has nothing but git.
suite_clean() {
  local said
  (ensure_packages "${packages_vm[@]}") || {
    suite_broken "the new machine could not be made"
    return
  }
  said=$(mktemp)
  as_root bash "$root/tests/clean/run.sh" "$root" | tee "$said" >&2 || true
  count_ok_lines "$said"
  rm -f "$said"
}

# Every fuzz target for a few seconds from its corpus; a crash leaves its input in build-fuzz/.
suite_fuzz() {
  local target name
  (CC=clang configure "$build-fuzz" -DVITRINE_SANITIZE=ON -DVITRINE_FUZZ=ON &&
    compile "$build-fuzz" fuzzers) || {
    suite_broken "the fuzzing build failed"
    return
  }
  for target in "$build-fuzz"/bin/fuzz_*; do
    name=${target##*/fuzz_}
    mkdir -p "$build-fuzz/found/$name"
    if (cd "$build-fuzz" && "$target" -max_total_time="${VITRINE_FUZZ_SECONDS:-20}" -timeout=10 \
      -rss_limit_mb=2048 -print_final_stats=0 "found/$name" "$root/tests/fuzz/corpus/$name" \
      >"fuzz_$name.log" 2>&1); then
      passed=$((passed + 1))
    else
      say "fuzz target $name found something:"
      tail -n 30 "$build-fuzz/fuzz_$name.log" >&2
      failed=$((failed + 1))
    fi
  done
  [[ $((passed + failed)) -gt 0 ]] || failed=1
}
