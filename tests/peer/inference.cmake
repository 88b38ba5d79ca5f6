set(infer_peer ${CMAKE_CURRENT_LIST_DIR}/infer.c)
vitrine_test(peer_inference ${CMAKE_CURRENT_LIST_DIR}/test_inference.c ${infer_peer} LIBS proto)
vitrine_test(peer_quota ${CMAKE_CURRENT_LIST_DIR}/test_quota.c ${CMAKE_CURRENT_LIST_DIR}/bank.c ${infer_peer} LIBS proto_grant proto)
foreach(name peer_inference peer_quota)
  target_compile_definitions(test_${name} PRIVATE
    INFERENCE_PROGRAM="$<TARGET_FILE:vitrine-inference>")
  add_dependencies(test_${name} vitrine-inference)
endforeach()
