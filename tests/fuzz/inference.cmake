vitrine_fuzz(safetensors ${CMAKE_CURRENT_LIST_DIR}/fuzz_safetensors.c LIBS inference)
vitrine_fuzz(tokenizer ${CMAKE_CURRENT_LIST_DIR}/fuzz_tokenizer.c LIBS inference)
vitrine_fuzz(model_config ${CMAKE_CURRENT_LIST_DIR}/fuzz_model_config.c LIBS inference)
vitrine_fuzz(chat_template ${CMAKE_CURRENT_LIST_DIR}/fuzz_chat_template.c LIBS inference)
