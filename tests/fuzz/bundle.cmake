vitrine_fuzz(bundle ${CMAKE_CURRENT_LIST_DIR}/fuzz_bundle.c LIBS proto)
