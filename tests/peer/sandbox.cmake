vitrine_test(test_boxd ${CMAKE_CURRENT_LIST_DIR}/test_boxd.c ${CMAKE_CURRENT_LIST_DIR}/boxd.c LIBS base)
target_compile_definitions(test_boxd PRIVATE
  $<$<BOOL:${VITRINE_SANITIZE}>:VITRINE_SANITIZED>
  BOXD_PATH="$<TARGET_FILE:vitrine-boxd>" PROBE_PATH="$<TARGET_FILE:sandbox_probe>")
add_dependencies(test_boxd vitrine-boxd sandbox_probe proto_files)

vitrine_test(test_boxes ${CMAKE_CURRENT_LIST_DIR}/test_boxes.c ${CMAKE_CURRENT_LIST_DIR}/boxd.c
  ${CMAKE_CURRENT_LIST_DIR}/worker.c LIBS proto)
target_compile_definitions(test_boxes PRIVATE BOXD_PATH="$<TARGET_FILE:vitrine-boxd>"
  PROBE_PATH="$<TARGET_FILE:sandbox_probe>" WORKER_PROGRAM="$<TARGET_FILE:vitrine-worker>")
add_dependencies(test_boxes vitrine-boxd sandbox_probe vitrine-worker proto_files)
