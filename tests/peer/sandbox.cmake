vitrine_test(test_boxd ${CMAKE_CURRENT_LIST_DIR}/test_boxd.c ${CMAKE_CURRENT_LIST_DIR}/boxd.c LIBS base)
target_compile_definitions(test_boxd PRIVATE
  $<$<BOOL:${VITRINE_SANITIZE}>:VITRINE_SANITIZED>
  BOXD_PATH="$<TARGET_FILE:vitrine-boxd>" PROBE_PATH="$<TARGET_FILE:sandbox_probe>")
add_dependencies(test_boxd vitrine-boxd sandbox_probe proto_files)
