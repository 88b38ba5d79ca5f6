# What every target of Vitrine shares: language level, warnings, sanitizers, and three ways to
# declare a target, so that a folder's CMakeLists.txt is a list of names.
find_package(PkgConfig REQUIRED)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Where `cmake --install` puts what is not in the PATH (packaging/CMakeLists.txt).
include(GNUInstallDirs)
set(VITRINE_LIBEXEC_DIR ${CMAKE_INSTALL_FULL_LIBEXECDIR}/vitrine)
set(VITRINE_SHARE_DIR ${CMAKE_INSTALL_FULL_DATADIR}/vitrine)

add_library(vitrine_flags INTERFACE)
target_include_directories(vitrine_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_definitions(vitrine_flags INTERFACE _GNU_SOURCE VITRINE_VERSION="${PROJECT_VERSION}")
target_compile_options(vitrine_flags INTERFACE
  -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla
  -Wno-missing-field-initializers -fno-common -fstack-protector-strong
  -include ${CMAKE_SOURCE_DIR}/base/banned.h
  $<$<BOOL:${VITRINE_WERROR}>:-Werror>)

add_library(vitrine_sanitizers INTERFACE)
if(VITRINE_SANITIZE)
  target_compile_options(vitrine_sanitizers INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g)
  target_link_options(vitrine_sanitizers INTERFACE -fsanitize=address,undefined)
endif()

# The fuzzer sees only code that counts its branches.
if(VITRINE_FUZZ)
  target_compile_options(vitrine_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
  add_custom_target(fuzzers)
endif()

# vitrine_library(NAME SOURCES... [LIBS ...])
function(vitrine_library name)
  cmake_parse_arguments(A "" "" "LIBS" ${ARGN})
  add_library(${name} STATIC ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC vitrine_flags vitrine_sanitizers ${A_LIBS})
endfunction()

# What a running platform needs and no more: scripts/up builds only this.
add_custom_target(platform)

# vitrine_program(NAME SOURCES... [LIBS ...])
function(vitrine_program name)
  cmake_parse_arguments(A "" "" "LIBS" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE vitrine_flags vitrine_sanitizers ${A_LIBS})
  add_dependencies(platform ${name})
endfunction()

# How tests run side by side: scripts/test gives ctest four places for each core. A test that
# computes takes three of them, so there is one a core and the machine is full; one that mostly waits
# (peers with timers and sockets) takes one. The longest, by their COST in seconds, begin first.
set(VITRINE_COMPUTES PROCESSORS 3)

# vitrine_test(NAME SOURCES... [LIBS ...]): a program of tests/support/test.h, run by ctest in
# the source folder. Exit 77 is a skip.
function(vitrine_test name)
  cmake_parse_arguments(A "" "" "LIBS" ${ARGN})
  # The target is test_NAME, so that a test may be called like the library it tests.
  string(REGEX REPLACE "^test_" "" name ${name})
  add_executable(test_${name} ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(test_${name} PRIVATE vitrine_flags vitrine_sanitizers ${A_LIBS})
  add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 ${VITRINE_COMPUTES})
endfunction()

# vitrine_fuzz(NAME SOURCE [LIBS ...]): the source defines LLVMFuzzerTestOneInput. With
# VITRINE_FUZZ it is a libFuzzer target; always, a replayer runs the corpus in
# tests/fuzz/corpus/NAME as an ordinary test.
function(vitrine_fuzz name)
  cmake_parse_arguments(A "" "" "LIBS" ${ARGN})
  if(VITRINE_FUZZ)
    add_executable(fuzz_${name} ${A_UNPARSED_ARGUMENTS})
    target_link_libraries(fuzz_${name} PRIVATE vitrine_flags vitrine_sanitizers ${A_LIBS})
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_${name})
  endif()
  add_executable(replay_${name} ${A_UNPARSED_ARGUMENTS} ${CMAKE_SOURCE_DIR}/tests/support/replay.c)
  target_link_libraries(replay_${name} PRIVATE vitrine_flags vitrine_sanitizers ${A_LIBS})
  add_test(NAME replay_${name}
    COMMAND replay_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
endfunction()
