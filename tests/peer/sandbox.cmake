set(boxd_peer ${CMAKE_CURRENT_LIST_DIR}/boxd.c)
set(crowd_peer ${boxd_peer} ${CMAKE_CURRENT_LIST_DIR}/crowd.c)

# box_test(NAME SOURCES...): a test of the real boxd, with the probe as its worker.
function(box_test name)
  vitrine_test(test_${name} ${ARGN} LIBS sandbox_boxd base)
  target_compile_definitions(test_${name} PRIVATE
    $<$<BOOL:${VITRINE_SANITIZE}>:VITRINE_SANITIZED>
    BOXD_PATH="$<TARGET_FILE:vitrine-boxd>" PROBE_PATH="$<TARGET_FILE:sandbox_probe>"
    BOXD_WITHOUT_PATH="$<TARGET_FILE:boxd_without>"
    PROBE_WITHOUT_PATH="$<TARGET_FILE:probe_without>"
    WORKER_PATH="$<TARGET_FILE:vitrine-worker>")
  add_dependencies(test_${name}
    vitrine-boxd sandbox_probe boxd_without probe_without vitrine-worker proto_files)
endfunction()

# boxd and the probe again, from the same objects, with tests/peer/leave_out*.c between a step and
# its caller. Only tests build them.
set(wrapped_in_both landlock_deny_all seccomp_load prctl)
set(wrapped_in_boxd root_empty rlimits_apply caps_drop_all caps_keep cgroup_enter ids_write_maps
  process_die_with_parent timens_own sethostname close_range unshare syscall)
list(TRANSFORM wrapped_in_both PREPEND -Wl,--wrap=)
list(TRANSFORM wrapped_in_boxd PREPEND -Wl,--wrap=)

add_executable(boxd_without EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/sandbox/boxd.c
  ${CMAKE_CURRENT_LIST_DIR}/leave_out.c ${CMAKE_CURRENT_LIST_DIR}/leave_out_boxd.c)
target_link_libraries(boxd_without PRIVATE vitrine_flags vitrine_sanitizers sandbox_boxd)
target_link_options(boxd_without PRIVATE ${wrapped_in_both} ${wrapped_in_boxd})
target_compile_definitions(boxd_without PRIVATE
  $<$<BOOL:${VITRINE_SANITIZE}>:VITRINE_SANITIZED>)
add_dependencies(boxd_without proto_files)

get_target_property(probe_sources sandbox_probe SOURCES)
list(TRANSFORM probe_sources PREPEND ${CMAKE_SOURCE_DIR}/sandbox/)
add_executable(probe_without EXCLUDE_FROM_ALL
  ${probe_sources} ${CMAKE_CURRENT_LIST_DIR}/leave_out.c)
target_link_libraries(probe_without PRIVATE vitrine_flags sandbox_seal)
target_compile_options(probe_without PRIVATE -fPIE)
target_link_options(probe_without PRIVATE -static-pie ${wrapped_in_both})

box_test(boxd ${CMAKE_CURRENT_LIST_DIR}/test_boxd.c ${boxd_peer})
box_test(box_attacks ${CMAKE_CURRENT_LIST_DIR}/test_box_attacks.c ${crowd_peer})
box_test(box_ends ${CMAKE_CURRENT_LIST_DIR}/test_box_ends.c ${boxd_peer})
box_test(box_limits ${CMAKE_CURRENT_LIST_DIR}/test_box_limits.c ${boxd_peer})
box_test(box_view
  ${CMAKE_CURRENT_LIST_DIR}/test_box_view.c ${CMAKE_CURRENT_LIST_DIR}/filter_of.c ${crowd_peer})
box_test(box_sweep ${CMAKE_CURRENT_LIST_DIR}/test_box_sweep.c ${crowd_peer})
box_test(box_layers
  ${CMAKE_CURRENT_LIST_DIR}/test_box_layers.c ${CMAKE_CURRENT_LIST_DIR}/picture.c ${crowd_peer})
# Thousands of boxes, one after the other.
set_tests_properties(box_layers PROPERTIES TIMEOUT 600 COST 40)

vitrine_test(test_boxes ${CMAKE_CURRENT_LIST_DIR}/test_boxes.c ${CMAKE_CURRENT_LIST_DIR}/boxd.c
  ${CMAKE_CURRENT_LIST_DIR}/worker.c LIBS proto)
target_compile_definitions(test_boxes PRIVATE BOXD_PATH="$<TARGET_FILE:vitrine-boxd>"
  PROBE_PATH="$<TARGET_FILE:sandbox_probe>" WORKER_PROGRAM="$<TARGET_FILE:vitrine-worker>")
add_dependencies(test_boxes vitrine-boxd sandbox_probe vitrine-worker proto_files)
