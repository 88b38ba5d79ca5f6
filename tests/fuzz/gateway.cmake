vitrine_fuzz(gateway_head ${CMAKE_CURRENT_LIST_DIR}/fuzz_gateway_head.c LIBS gateway_parts)
vitrine_fuzz(gateway_json ${CMAKE_CURRENT_LIST_DIR}/fuzz_gateway_json.c LIBS gateway_session)
vitrine_fuzz(gateway_session ${CMAKE_CURRENT_LIST_DIR}/fuzz_gateway_session.c LIBS gateway_session)
vitrine_fuzz(gateway_transfer ${CMAKE_CURRENT_LIST_DIR}/fuzz_gateway_transfer.c LIBS gateway_parts)
