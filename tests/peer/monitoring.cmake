find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME peer_monitoring
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/monitoring.py)
