find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME peer_tls
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/tls.py $<TARGET_FILE:vitrine-gateway>
    $<TARGET_FILE:vitrine-tls>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_tls PROPERTIES TIMEOUT 300)
