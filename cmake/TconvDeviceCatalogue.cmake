# tconv_device_catalogue(<target> API <cuda|opencl>)
#   An interface library of the generated kernels for devices, every row of schedules/device_variants.csv and
#   device_gradients.csv. tconv-compiler writes, at build time,
#       kernels.a               the kernels
#       device_registry.inc     included by runtime/cuda/device_kernels.cpp
#   For CUDA machine code for TCONV_CUDA_ARCHS, if there is a ptxas, which refuses kernels that spill; else PTX only.
#   TCONV_ARCHIVE and TCONV_FOLDER are properties of <target>.
set(TCONV_CUDA_ARCHS "80;86;89;90" CACHE STRING "Architectures with machine code in libtconv_cuda: 80 is sm_80")

# TCONV_PTXAS, false where there is none.
function(tconv_find_ptxas)
    file(GLOB wheel LIST_DIRECTORIES true "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/nvidia/cuda_nvcc/bin")
    find_program(TCONV_PTXAS ptxas HINTS ${wheel} ENV CUDA_PATH ENV CUDA_HOME /usr/local/cuda PATH_SUFFIXES bin
                 DOC "NVIDIA's assembler, of requirements-cuda.txt or the CUDA toolkit")
endfunction()

function(tconv_device_catalogue target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "API" "")
    set(options "")
    if(arg_API STREQUAL "cuda")
        tconv_find_ptxas()
        if(TCONV_PTXAS)
            list(JOIN TCONV_CUDA_ARCHS "," archs)
            set(options --ptxas "${TCONV_PTXAS}" --archs ${archs})
        else()
            message(STATUS "No ptxas (scripts/bootstrap.sh cuda installs one): libtconv_cuda will hold PTX only, which the "
                    "driver translates when a plan is made")
        endif()
    endif()
    set(gradients "${PROJECT_SOURCE_DIR}/schedules/device_gradients.csv")
    tconv_compiled_kernels(${target} FOLDER "${CMAKE_CURRENT_BINARY_DIR}/${arg_API}-kernels"
        ARCHIVE kernels.a REGISTRY device_registry.inc VARIANTS "${PROJECT_SOURCE_DIR}/schedules/device_variants.csv"
        COMMENT "Compiling the kernels of schedules/device_variants.csv for ${arg_API}"
        COMMAND device --api ${arg_API} ${options} --gradients "${gradients}" DEPENDS "${gradients}")
endfunction()
