vitrine_fuzz(card ${CMAKE_CURRENT_LIST_DIR}/fuzz_card.c LIBS orchestrator_card)
