# What apps ask of the platform, where it comes in and where it is done.
vitrine_fuzz(gateway_host ${CMAKE_CURRENT_LIST_DIR}/fuzz_gateway_host.c LIBS gateway_parts)
vitrine_fuzz(app_data ${CMAKE_CURRENT_LIST_DIR}/fuzz_app_data.c LIBS orchestrator_data)
