find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME peer_orchestrator
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/orchestrator.py
    $<TARGET_FILE:orchestrator_with_faults> $<TARGET_FILE:vitrine-hook>)
set_tests_properties(peer_orchestrator PROPERTIES TIMEOUT 600 COST 100 ${VITRINE_COMPUTES})
add_test(NAME peer_orchestrator_grow
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/orchestrator_grow.py
    $<TARGET_FILE:orchestrator_with_faults> $<TARGET_FILE:vitrine-hook> $<TARGET_FILE:vitrine>)
set_tests_properties(peer_orchestrator_grow PROPERTIES TIMEOUT 300 ${VITRINE_COMPUTES})
add_test(NAME peer_orchestrator_flavours
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/orchestrator_flavours.py
    $<TARGET_FILE:orchestrator_with_faults> $<TARGET_FILE:vitrine-hook> $<TARGET_FILE:vitrine>)
set_tests_properties(peer_orchestrator_flavours PROPERTIES TIMEOUT 300 ${VITRINE_COMPUTES})
add_test(NAME peer_orchestrator_lfs
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/orchestrator_lfs.py
    $<TARGET_FILE:orchestrator_with_faults> $<TARGET_FILE:vitrine-hook>)
set_tests_properties(peer_orchestrator_lfs PROPERTIES TIMEOUT 3000 ${VITRINE_COMPUTES})

add_test(NAME peer_orchestrator_hub
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/orchestrator_hub.py
    $<TARGET_FILE:orchestrator_with_faults> $<TARGET_FILE:vitrine-hook>)
set_tests_properties(peer_orchestrator_hub PROPERTIES TIMEOUT 600 COST 31 ${VITRINE_COMPUTES})

add_test(NAME peer_orchestrator_previews
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/orchestrator_previews.py
    $<TARGET_FILE:orchestrator_with_faults> $<TARGET_FILE:vitrine-hook>)
set_tests_properties(peer_orchestrator_previews PROPERTIES TIMEOUT 600 COST 60 ${VITRINE_COMPUTES})
