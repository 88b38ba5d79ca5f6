vitrine_fuzz(pickle ${CMAKE_CURRENT_LIST_DIR}/fuzz_pickle.c LIBS orchestrator_repo)
vitrine_fuzz(secrets ${CMAKE_CURRENT_LIST_DIR}/fuzz_secrets.c LIBS orchestrator_repo)
