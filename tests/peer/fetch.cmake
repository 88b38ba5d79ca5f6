find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME peer_fetch
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/fetch.py $<TARGET_FILE:vitrine-fetch>)
set_tests_properties(peer_fetch PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
