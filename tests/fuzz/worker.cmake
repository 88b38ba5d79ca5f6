vitrine_fuzz(worker_link ${CMAKE_CURRENT_LIST_DIR}/fuzz_worker_link.c LIBS worker_host)
vitrine_fuzz(worker_app ${CMAKE_CURRENT_LIST_DIR}/fuzz_worker_app.c LIBS worker_host)
vitrine_fuzz(pattern ${CMAKE_CURRENT_LIST_DIR}/fuzz_pattern.c LIBS worker_host)
vitrine_fuzz(reader ${CMAKE_CURRENT_LIST_DIR}/fuzz_reader.c LIBS worker_host)
