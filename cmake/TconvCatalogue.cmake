# tconv_catalogue(<target> ARCH <x86-64|arm-64>)
#   An interface library of the generated kernels: every row of schedules/variants.csv for this architecture that
#   TCONV_DTYPES, TCONV_FAMILIES and TCONV_ISAS leave in. The kernels' compiler writes, at build time,
#       catalogue.a     the kernels
#       registry.inc    one C++ initialiser a kernel, included by runtime/src/registry.cpp
#   Linking <target> gives both. Its property TCONV_ARCHIVE is the path of catalogue.a.
function(tconv_catalogue target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "ARCH" "")
    set(selection "")
    foreach(option DTYPES FAMILIES ISAS)
        if(TCONV_${option})
            string(TOLOWER ${option} flag)
            list(JOIN TCONV_${option} "," values)
            list(APPEND selection --${flag} ${values})
        endif()
    endforeach()
    # Halide instruments for two of the sanitizers; what the third looks for are properties of C.
    if(TCONV_SANITIZE STREQUAL "address")
        list(APPEND selection --sanitize asan)
    elseif(TCONV_SANITIZE STREQUAL "thread")
        list(APPEND selection --sanitize tsan)
    endif()

    tconv_compiled_kernels(${target} FOLDER "${CMAKE_CURRENT_BINARY_DIR}/catalogue" ARCHIVE catalogue.a REGISTRY registry.inc
        VARIANTS "${PROJECT_SOURCE_DIR}/schedules/variants.csv"
        COMMENT "Compiling the kernels of schedules/variants.csv for ${arg_ARCH}"
        COMMAND catalogue --arch ${arg_ARCH} ${selection})
endfunction()
