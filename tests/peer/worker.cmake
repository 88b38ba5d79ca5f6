set(worker_peer ${CMAKE_CURRENT_LIST_DIR}/worker.c)
vitrine_test(peer_worker ${CMAKE_CURRENT_LIST_DIR}/test_worker.c ${worker_peer} LIBS proto)
target_compile_definitions(test_peer_worker PRIVATE
  WORKER_PROGRAM="$<TARGET_FILE:vitrine-worker>")
add_dependencies(test_peer_worker vitrine-worker)

add_executable(worker_bench EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/worker_bench.c ${worker_peer})
target_link_libraries(worker_bench PRIVATE proto)
target_compile_definitions(worker_bench PRIVATE WORKER_PROGRAM="$<TARGET_FILE:vitrine-worker>")
add_dependencies(worker_bench vitrine-worker)
