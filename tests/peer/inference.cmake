vitrine_test(peer_inference ${CMAKE_CURRENT_LIST_DIR}/test_inference.c LIBS proto)
target_compile_definitions(test_peer_inference PRIVATE
  INFERENCE_PROGRAM="$<TARGET_FILE:vitrine-inference>")
add_dependencies(test_peer_inference vitrine-inference)
