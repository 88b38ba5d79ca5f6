find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME peer_gateway
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway.py $<TARGET_FILE:vitrine-gateway>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway PROPERTIES TIMEOUT 600 COST 160)

add_test(NAME peer_gateway_hostile
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway_hostile.py
    $<TARGET_FILE:vitrine-gateway>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway_hostile PROPERTIES TIMEOUT 600 COST 45)

add_test(NAME peer_gateway_streams
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway_streams.py
    $<TARGET_FILE:vitrine-gateway>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway_streams PROPERTIES TIMEOUT 600 COST 48)

add_test(NAME peer_gateway_uploads
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway_uploads.py
    $<TARGET_FILE:vitrine-gateway>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway_uploads PROPERTIES TIMEOUT 300)

add_test(NAME peer_gateway_replicas
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway_replicas.py
    $<TARGET_FILE:vitrine-gateway>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway_replicas PROPERTIES TIMEOUT 600 COST 22)

add_test(NAME peer_gateway_programs
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway_programs.py
    $<TARGET_FILE:vitrine-gateway>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway_programs PROPERTIES TIMEOUT 300)

add_test(NAME peer_gateway_gradio
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway_gradio.py
    $<TARGET_FILE:vitrine-gateway>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway_gradio PROPERTIES TIMEOUT 300)

add_test(NAME peer_gateway_models
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway_models.py
    $<TARGET_FILE:vitrine-gateway> $<TARGET_FILE:vitrine-inference>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway_models PROPERTIES TIMEOUT 300 COST 120)

add_test(NAME peer_gateway_hosts
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/gateway_hosts.py
    $<TARGET_FILE:vitrine-gateway>
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(peer_gateway_hosts PROPERTIES TIMEOUT 300)
