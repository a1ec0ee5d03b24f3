# tconv_catalogue(<target> ARCH <x86-64|arm-64>)
#   An interface library of the generated kernels: every row of schedules/variants.csv for this architecture that
#   TCONV_DTYPES, TCONV_FAMILIES and TCONV_ISAS leave in. The kernels' compiler writes, at build time,
#       catalogue.a     the kernels
#       registry.inc    one C++ initialiser a kernel, included by runtime/src/registry.cpp
#   Linking <target> gives both. Its property TCONV_ARCHIVE is the path of catalogue.a.
function(tconv_catalogue target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "ARCH" "")
    set(out "${CMAKE_CURRENT_BINARY_DIR}/catalogue")
    set(variants "${PROJECT_SOURCE_DIR}/schedules/variants.csv")

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

    set(compiler tconv-kernel-compiler)
    if(TCONV_HOST_COMPILER)
        set(compiler tconv-compiler)
    endif()
    # The folder is emptied first: ar adds to an archive, and a kernel that left the table must leave the library.
    add_custom_command(
        OUTPUT "${out}/catalogue.a" "${out}/registry.inc"
        COMMAND "${CMAKE_COMMAND}" -E rm -rf "${out}"
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${out}"
        COMMAND ${compiler} catalogue --variants "${variants}" --arch ${arg_ARCH} ${selection} --out "${out}"
        DEPENDS ${compiler} "${variants}"
        COMMENT "Compiling the kernels of schedules/variants.csv for ${arg_ARCH}"
        VERBATIM)
    add_custom_target(${target}-files DEPENDS "${out}/catalogue.a" "${out}/registry.inc")

    file(MAKE_DIRECTORY "${out}")
    add_library(${target} INTERFACE)
    add_dependencies(${target} ${target}-files)
    target_include_directories(${target} INTERFACE "${out}")
    target_link_libraries(${target} INTERFACE "${out}/catalogue.a")
    set_target_properties(${target} PROPERTIES TCONV_ARCHIVE "${out}/catalogue.a" TCONV_REGISTRY "${out}/registry.inc")
endfunction()
