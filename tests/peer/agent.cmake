vitrine_test(peer_agent ${CMAKE_CURRENT_LIST_DIR}/test_agent.c LIBS proto base_digest)
target_compile_definitions(test_peer_agent PRIVATE AGENT_PROGRAM="$<TARGET_FILE:vitrine-agent>")
add_dependencies(test_peer_agent vitrine-agent)
