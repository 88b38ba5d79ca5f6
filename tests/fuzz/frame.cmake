vitrine_fuzz(frame ${CMAKE_CURRENT_LIST_DIR}/fuzz_frame.c LIBS proto)
