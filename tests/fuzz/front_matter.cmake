vitrine_fuzz(front_matter ${CMAKE_CURRENT_LIST_DIR}/fuzz_front_matter.c LIBS orchestrator_front_matter)
