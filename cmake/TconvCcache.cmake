# Compile through ccache where it is installed. Paths are made relative to the source folder, so that another clone of
# the same commit (CI makes one for each run) hits the same entries.
find_program(TCONV_CCACHE ccache)
mark_as_advanced(TCONV_CCACHE)
if(TCONV_CCACHE)
    foreach(language C CXX)
        if(NOT DEFINED CMAKE_${language}_COMPILER_LAUNCHER)
            set(CMAKE_${language}_COMPILER_LAUNCHER
                "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${TCONV_CCACHE}")
        endif()
    endforeach()
endif()
