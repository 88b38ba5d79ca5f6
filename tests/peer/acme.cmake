find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME peer_acme
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/acme.py $<TARGET_FILE:vitrine>)
set_tests_properties(peer_acme PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 COST 45)
