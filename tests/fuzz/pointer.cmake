vitrine_fuzz(pointer ${CMAKE_CURRENT_LIST_DIR}/fuzz_pointer.c LIBS orchestrator_pointer)
