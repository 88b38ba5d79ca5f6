# With the filters of an unsanitized build in any build, and the probe's list of attacks.
vitrine_test(test_confine ${CMAKE_CURRENT_LIST_DIR}/test_confine.c
  ${CMAKE_SOURCE_DIR}/sandbox/probe/attack.c LIBS sandbox_confine)
