# tconv_add_layer(NAME <name> LAYER <text> [option]...)
# tconv_add_layer(NAME <name> CSV <file> IDS <id>... [option]...)
#
# A library target <name>: one layer with all sizes fixed, or those rows of a CSV file in one library, compiled while
# the project is built. Link it and include <name>.h.
#   WEIGHTS <file.npz>      bake these weights in
#   THREADS serial|hooks    serial (default): no threads and no libtconv;  hooks: links tconv::tconv
#   OPTIMIZE speed|size     speed (default)
#   DB <folder>|none        tuned tables that come first, or no table at all (docs/tuning.md)
#   TARGET <target>         cuda, cuda-sm_90, or a processor; default: this machine, or when cross compiling the system that CMake builds for
#
# Works after find_package(tconv) and after add_subdirectory. TCONV_TOOL names the tconv command where it is not the
# one that came along, as it does when the package found is for another machine.
include_guard()

function(tconv_add_layer)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LAYER;CSV;WEIGHTS;THREADS;OPTIMIZE;DB;TARGET" "IDS")
    if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
        message(FATAL_ERROR "tconv_add_layer: not understood: ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
    endif()
    if(NOT arg_NAME OR (NOT arg_LAYER AND NOT arg_CSV) OR (arg_LAYER AND arg_CSV) OR (arg_CSV AND NOT arg_IDS))
        message(FATAL_ERROR "tconv_add_layer: wants NAME with either LAYER, or CSV and IDS")
    endif()

    set(inputs "")
    if(arg_LAYER)
        set(what --layer "${arg_LAYER}")
    else()
        cmake_path(ABSOLUTE_PATH arg_CSV BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
        list(JOIN arg_IDS "," ids)
        set(what --layers "${arg_CSV}" --ids "${ids}" --bundle)
        list(APPEND inputs "${arg_CSV}")
    endif()
    if(arg_WEIGHTS)
        cmake_path(ABSOLUTE_PATH arg_WEIGHTS BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
        list(APPEND what --weights "${arg_WEIGHTS}")
        list(APPEND inputs "${arg_WEIGHTS}")
    endif()
    if(arg_DB)
        if(NOT arg_DB STREQUAL "none")
            cmake_path(ABSOLUTE_PATH arg_DB BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
        endif()
        list(APPEND what --db "${arg_DB}")
    endif()
    foreach(option THREADS OPTIMIZE)
        if(arg_${option})
            string(TOLOWER ${option} flag)
            list(APPEND what --${flag} ${arg_${option}})
        endif()
    endforeach()
    if(NOT arg_TARGET AND CMAKE_CROSSCOMPILING)
        _tconv_cross_target(arg_TARGET)
    endif()
    if(arg_TARGET)
        list(APPEND what --target ${arg_TARGET})
    endif()

    if(TCONV_TOOL)
        set(tool "${TCONV_TOOL}")
    elseif(TCONV_HOST_COMPILER OR (TARGET tconv-compiler AND TCONV_BUILD_LAYER_COMPILER))
        set(tool tconv-compiler) # it has the same command, and is there before any kernel of the catalogue
    else()
        message(FATAL_ERROR "tconv_add_layer: no tconv command: set TCONV_TOOL to one, or TCONV_BUILD_LAYER_COMPILER to ON")
    endif()

    set(out "${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}")
    set(library "${out}/lib${arg_NAME}.a")
    add_custom_command(
        OUTPUT "${library}" "${out}/${arg_NAME}.h"
        COMMAND "${tool}" compile --name ${arg_NAME} ${what} --out "${out}"
        DEPENDS "${tool}" ${inputs}
        COMMENT "Compiling layer ${arg_NAME}"
        VERBATIM)
    add_custom_target(${arg_NAME}-compile DEPENDS "${library}" "${out}/${arg_NAME}.h")

    file(MAKE_DIRECTORY "${out}") # CMake checks that an include folder exists before anything is built
    add_library(${arg_NAME} STATIC IMPORTED GLOBAL)
    add_dependencies(${arg_NAME} ${arg_NAME}-compile)
    set_target_properties(${arg_NAME} PROPERTIES IMPORTED_LOCATION "${library}")
    target_include_directories(${arg_NAME} INTERFACE "${out}")
    if(arg_THREADS STREQUAL "hooks")
        target_link_libraries(${arg_NAME} INTERFACE tconv::tconv)
    endif()
    if(arg_TARGET MATCHES "^cuda") # loads the driver, under a mutex
        find_package(Threads REQUIRED)
        target_link_libraries(${arg_NAME} INTERFACE ${CMAKE_DL_LIBS} Threads::Threads)
    endif()
endfunction()

# The target string of the system that CMake cross compiles for.
function(_tconv_cross_target variable)
    set(systems Linux linux Android android iOS ios Darwin osx Windows windows)
    set(processors aarch64 arm-64 arm64 arm-64 x86_64 x86-64 AMD64 x86-64)
    list(FIND systems "${CMAKE_SYSTEM_NAME}" system)
    list(FIND processors "${CMAKE_SYSTEM_PROCESSOR}" processor)
    if(system EQUAL -1 OR processor EQUAL -1)
        message(FATAL_ERROR "tconv_add_layer: no default TARGET for ${CMAKE_SYSTEM_PROCESSOR} ${CMAKE_SYSTEM_NAME}")
    endif()
    math(EXPR system "${system} + 1")
    math(EXPR processor "${processor} + 1")
    list(GET systems ${system} system)
    list(GET processors ${processor} processor)
    set(${variable} "${processor}-${system}" PARENT_SCOPE)
endfunction()
