find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME peer_systemd
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/systemd.py ${CMAKE_BINARY_DIR})
set_tests_properties(peer_systemd PROPERTIES
  SKIP_RETURN_CODE 77 TIMEOUT 300 ${VITRINE_COMPUTES})
add_test(NAME peer_package
  COMMAND bash ${CMAKE_CURRENT_LIST_DIR}/package.sh ${CMAKE_BINARY_DIR} ${PROJECT_VERSION})
set_tests_properties(peer_package PROPERTIES
  SKIP_RETURN_CODE 77 TIMEOUT 300 COST 22 ${VITRINE_COMPUTES})
