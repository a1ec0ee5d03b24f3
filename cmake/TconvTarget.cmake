# tconv_target(TARGET [NO_SANITIZE])
#   Language level, warnings and sanitizer of one of our own targets. Warnings are errors here, but not in a project
#   that adds this one as a subdirectory: its compiler may be newer than any we have seen.
function(tconv_target target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "NO_SANITIZE" "" "")
    set_target_properties(${target} PROPERTIES
        C_STANDARD 99 C_EXTENSIONS OFF CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
        COMPILE_WARNING_AS_ERROR ${PROJECT_IS_TOP_LEVEL})
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
        # GCC bug 105651: at -O2 and above it sees overlapping copies in `"text" + std::string`.
        target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
    endif()
    if(TCONV_SANITIZE AND NOT arg_NO_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${TCONV_SANITIZE} -fno-sanitize-recover=all
                                                 -fno-omit-frame-pointer)
        target_link_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${TCONV_SANITIZE}>)
    endif()
endfunction()
