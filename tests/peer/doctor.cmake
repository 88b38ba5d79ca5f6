# For tests/e2e/doctor.test.mjs. The probe's sources with a seal that seals nothing, and a program
# that starts another one on a kernel that lacks a call.
get_target_property(probe_sources sandbox_probe SOURCES)
list(TRANSFORM probe_sources PREPEND ${CMAKE_SOURCE_DIR}/sandbox/)
add_executable(probe_unsealed ${probe_sources} ${CMAKE_CURRENT_LIST_DIR}/probe_unsealed.c)
target_link_libraries(probe_unsealed PRIVATE vitrine_flags base_static)
target_compile_options(probe_unsealed PRIVATE -fPIE)
target_link_options(probe_unsealed PRIVATE -static-pie)

add_executable(without_call ${CMAKE_CURRENT_LIST_DIR}/without_call.c)
target_link_libraries(without_call PRIVATE vitrine_flags)

# Every attack in real boxes; the rest of what the doctor does is in tests/e2e/doctor.test.mjs.
add_test(NAME peer_doctor
  COMMAND vitrine doctor --require user --data ${CMAKE_CURRENT_BINARY_DIR}/no-data)
set_tests_properties(peer_doctor PROPERTIES
  TIMEOUT 120 ${VITRINE_COMPUTES} SKIP_REGULAR_EXPRESSION "boxes cannot be built here")
