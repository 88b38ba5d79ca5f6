vitrine_fuzz(picture ${CMAKE_CURRENT_LIST_DIR}/fuzz_picture.c LIBS picture)
