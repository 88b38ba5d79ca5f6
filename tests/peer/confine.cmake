# With the filters of an unsanitized build in any build, and the probe's list of attacks.
get_target_property(attack_sources sandbox_probe SOURCES)
list(FILTER attack_sources INCLUDE REGEX "attack|call")
list(TRANSFORM attack_sources PREPEND ${CMAKE_SOURCE_DIR}/sandbox/)
vitrine_test(test_confine ${CMAKE_CURRENT_LIST_DIR}/test_confine.c
  ${attack_sources} LIBS sandbox_confine)
