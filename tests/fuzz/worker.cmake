vitrine_fuzz(worker_link ${CMAKE_CURRENT_LIST_DIR}/fuzz_worker_link.c LIBS worker_host)
vitrine_fuzz(worker_app ${CMAKE_CURRENT_LIST_DIR}/fuzz_worker_app.c LIBS worker_host)
