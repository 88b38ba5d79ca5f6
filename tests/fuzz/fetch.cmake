vitrine_fuzz(fetch_target ${CMAKE_CURRENT_LIST_DIR}/fuzz_fetch_target.c LIBS fetch_rules)
