# What cmake --install lays down: headers, both libraries, the tools, and the files by which CMake and pkg-config find
# them. Nothing of it names the folder that it was installed to, so the result may be moved.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tconv")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/runtime/include/tconv" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp" PATTERN "tconv_cuda*.h" EXCLUDE)
install(TARGETS tconv-static EXPORT tconvTargets)
if(TARGET tconv-cuda)
    install(FILES "${PROJECT_SOURCE_DIR}/runtime/include/tconv/tconv_cuda.h"
                  "${PROJECT_SOURCE_DIR}/runtime/include/tconv/tconv_cuda_gradients.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/tconv")
    install(TARGETS tconv-cuda EXPORT tconvTargets)
endif()
if(TARGET tconv-shared)
    install(TARGETS tconv-shared EXPORT tconvTargets)
endif()
install(EXPORT tconvTargets NAMESPACE tconv:: DESTINATION "${package_dir}")

foreach(tool tconv-cli tconv-compiler)
    if(TARGET ${tool})
        get_target_property(imported ${tool} IMPORTED)
        if(NOT imported)
            install(TARGETS ${tool})
        endif()
    endif()
endforeach()
if(TARGET Halide::Halide AND NOT SKBUILD) # python/CMakeLists.txt says where a wheel has its libraries
    # libHalide stays where the wheel put it. CMake would keep this path by itself only if .venv were not in our folder.
    set_target_properties(tconv-compiler PROPERTIES INSTALL_RPATH $<TARGET_FILE_DIR:Halide::Halide>)
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/tconvConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/tconvConfig.cmake" INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a minor version may break; from 1.0 on only a major one may.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tconvConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tconvConfig.cmake" "${PROJECT_BINARY_DIR}/tconvConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/TconvAddLayer.cmake" DESTINATION "${package_dir}")

file(RELATIVE_PATH to_prefix "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
string(REGEX REPLACE "/$" "" to_prefix "${to_prefix}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/tconv.pc.in" "${PROJECT_BINARY_DIR}/tconv.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tconv.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
