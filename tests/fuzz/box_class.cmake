vitrine_fuzz(box_class ${CMAKE_CURRENT_LIST_DIR}/fuzz_box_class.c LIBS proto_box)
