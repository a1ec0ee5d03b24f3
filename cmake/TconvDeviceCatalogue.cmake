# tconv_device_catalogue(<target> API <cuda|opencl>)
#   An interface library of the generated kernels for devices, every row of schedules/device_variants.csv. tconv-compiler
#   writes, at build time,
#       kernels.a               the kernels
#       device_registry.inc     included by runtime/cuda/device_kernels.cpp
#   For CUDA machine code for TCONV_CUDA_ARCHS, if there is a ptxas, which refuses kernels that spill; else PTX only.
#   TCONV_ARCHIVE and TCONV_FOLDER are properties of <target>.
set(TCONV_CUDA_ARCHS "80;86;89;90" CACHE STRING "Architectures with machine code in libtconv_cuda: 80 is sm_80")

function(tconv_device_catalogue target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "API" "")
    set(out "${CMAKE_CURRENT_BINARY_DIR}/${arg_API}-kernels")
    set(variants "${PROJECT_SOURCE_DIR}/schedules/device_variants.csv")
    set(options "")
    if(arg_API STREQUAL "cuda")
        file(GLOB wheel LIST_DIRECTORIES true "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/nvidia/cuda_nvcc/bin")
        find_program(TCONV_PTXAS ptxas HINTS ${wheel} ENV CUDA_PATH ENV CUDA_HOME /usr/local/cuda PATH_SUFFIXES bin
                     DOC "NVIDIA's assembler, of requirements-cuda.txt or the CUDA toolkit")
        if(TCONV_PTXAS)
            list(JOIN TCONV_CUDA_ARCHS "," archs)
            set(options --ptxas "${TCONV_PTXAS}" --archs ${archs})
        else()
            message(STATUS "No ptxas (scripts/bootstrap.sh cuda installs one): libtconv_cuda will hold PTX only, which the "
                    "driver translates when a plan is made")
        endif()
    endif()
    set(compiler tconv-kernel-compiler)
    if(TCONV_HOST_COMPILER)
        set(compiler tconv-compiler)
    endif()
    add_custom_command(
        OUTPUT "${out}/kernels.a" "${out}/device_registry.inc"
        COMMAND "${CMAKE_COMMAND}" -E rm -rf "${out}"
        COMMAND ${compiler} device --variants "${variants}" --api ${arg_API} ${options} --out "${out}"
        DEPENDS ${compiler} "${variants}"
        COMMENT "Compiling the kernels of schedules/device_variants.csv for ${arg_API}"
        VERBATIM)
    add_custom_target(${target}-files DEPENDS "${out}/kernels.a" "${out}/device_registry.inc")
    file(MAKE_DIRECTORY "${out}")
    add_library(${target} INTERFACE)
    add_dependencies(${target} ${target}-files)
    target_include_directories(${target} INTERFACE "${out}")
    target_link_libraries(${target} INTERFACE "${out}/kernels.a")
    set_target_properties(${target} PROPERTIES TCONV_ARCHIVE "${out}/kernels.a" TCONV_FOLDER "${out}")
endfunction()
