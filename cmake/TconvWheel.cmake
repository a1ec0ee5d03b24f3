# pip brings all that the Python package is built with, but not what the tconv command and `tconv compile` are written
# with: a wheel has those where the libraries are installed, and is a package without a command elsewhere. Either option
# given to pip (-C cmake.define.TCONV_BUILD_TOOLS=ON) asks for it: what is missing is then an error.
if(NOT SKBUILD OR DEFINED TCONV_BUILD_TOOLS OR DEFINED TCONV_BUILD_LAYER_COMPILER)
    return()
endif()

set(missing "")
foreach(package CLI11 libzip nlohmann_json benchmark)
    find_package(${package} QUIET)
    if(NOT ${package}_FOUND)
        list(APPEND missing ${package})
    endif()
endforeach()
find_path(CSV_INCLUDE_DIR csv.h)
find_library(CSV_LIBRARY csv)
if(NOT CSV_INCLUDE_DIR OR NOT CSV_LIBRARY)
    list(APPEND missing libcsv)
endif()

set(TCONV_BUILD_TOOLS ON)
if(missing)
    list(JOIN missing ", " missing)
    message(STATUS "This wheel will have no tconv command: not found: ${missing}")
    set(TCONV_BUILD_TOOLS OFF)
endif()
set(TCONV_BUILD_LAYER_COMPILER ${TCONV_BUILD_TOOLS})
