vitrine_fuzz(weights_header ${CMAKE_CURRENT_LIST_DIR}/fuzz_weights_header.c LIBS orchestrator_look)
