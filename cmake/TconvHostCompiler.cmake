# The executable target `tconv-compiler`, which runs on this machine while libtconv is built.
#
# An ordinary build makes it (compiler/). A cross build cannot, and a sanitized one should not: the sanitizers would
# have to see through libHalide, which they cannot instrument. Those take it from a release build of the same sources.
set(default "")
if(CMAKE_CROSSCOMPILING OR TCONV_SANITIZE)
    set(default "${PROJECT_SOURCE_DIR}/build/release/bin/tconv-compiler")
endif()
set(TCONV_HOST_COMPILER "${default}" CACHE FILEPATH "An existing tconv-compiler to use; empty: build it here")

if(TCONV_HOST_COMPILER)
    if(NOT EXISTS "${TCONV_HOST_COMPILER}")
        message(FATAL_ERROR "TCONV_HOST_COMPILER: ${TCONV_HOST_COMPILER} does not exist. Build it first:\n"
                "    cmake --preset release && cmake --build --preset release --target tconv-compiler")
    endif()
    add_executable(tconv-compiler IMPORTED GLOBAL)
    set_target_properties(tconv-compiler PROPERTIES IMPORTED_LOCATION "${TCONV_HOST_COMPILER}")
    return()
endif()

# Halide_DIR rather than Halide_ROOT: the wheel's own entry point asks for Python's development headers, which nothing
# here needs. The COMPONENTS keep it from looking for libpng and libjpeg.
if(SKBUILD) # pip builds in an environment of its own, whose interpreter knows where its wheels are
    find_package(Python REQUIRED COMPONENTS Interpreter)
    execute_process(COMMAND "${Python_EXECUTABLE}" -c "import importlib.util, os
print(os.path.join(importlib.util.find_spec('halide').submodule_search_locations[0], 'lib64', 'cmake', 'Halide'))"
                    OUTPUT_VARIABLE wheel OUTPUT_STRIP_TRAILING_WHITESPACE)
else()
    file(GLOB wheel LIST_DIRECTORIES true
         "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/halide/lib64/cmake/Halide")
endif()
set(Halide_DIR "${wheel}" CACHE PATH "Folder of HalideConfig.cmake (lib64/cmake/Halide inside the halide wheel)")
find_package(Halide 21.0.0 EXACT QUIET COMPONENTS shared)
if(NOT Halide_FOUND)
    message(FATAL_ERROR "Halide 21.0.0 not found. Run scripts/bootstrap.sh, which makes .venv, or set Halide_DIR to "
            "lib64/cmake/Halide inside an installed halide wheel. ${Halide_NOT_FOUND_MESSAGE}")
endif()
