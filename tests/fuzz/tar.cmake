vitrine_fuzz(tar ${CMAKE_CURRENT_LIST_DIR}/fuzz_tar.c ${CMAKE_SOURCE_DIR}/cli/repo/tar.c LIBS base)
