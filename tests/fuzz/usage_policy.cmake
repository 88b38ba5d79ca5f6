vitrine_fuzz(usage_policy ${CMAKE_CURRENT_LIST_DIR}/fuzz_usage_policy.c LIBS orchestrator_usage)
