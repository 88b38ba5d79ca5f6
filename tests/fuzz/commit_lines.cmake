vitrine_fuzz(commit_lines ${CMAKE_CURRENT_LIST_DIR}/fuzz_commit_lines.c LIBS orchestrator_repo)
