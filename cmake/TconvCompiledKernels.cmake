# tconv_compiled_kernels(<target> FOLDER <path> ARCHIVE <name> REGISTRY <name> VARIANTS <table> COMMENT <text>
#                        COMMAND <catalogue|device> <argument>... [DEPENDS <other table>...])
#   An interface library of what a command of the kernels' compiler writes at build time from a table: the archive and
#   a registry to include. Linking <target> gives both; its properties TCONV_FOLDER, TCONV_ARCHIVE and TCONV_REGISTRY are
#   their paths.
function(tconv_compiled_kernels target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER;ARCHIVE;REGISTRY;VARIANTS;COMMENT" "COMMAND;DEPENDS")
    set(archive "${arg_FOLDER}/${arg_ARCHIVE}")
    set(registry "${arg_FOLDER}/${arg_REGISTRY}")
    set(compiler tconv-kernel-compiler)
    if(TCONV_HOST_COMPILER)
        set(compiler tconv-compiler)
    endif()
    # The folder is emptied first: ar adds to an archive, and a kernel that left the table must leave the library.
    add_custom_command(
        OUTPUT "${archive}" "${registry}"
        COMMAND "${CMAKE_COMMAND}" -E rm -rf "${arg_FOLDER}"
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${arg_FOLDER}"
        COMMAND ${compiler} ${arg_COMMAND} --variants "${arg_VARIANTS}" --out "${arg_FOLDER}"
        DEPENDS ${compiler} "${arg_VARIANTS}" ${arg_DEPENDS}
        COMMENT "${arg_COMMENT}"
        VERBATIM)
    add_custom_target(${target}-files DEPENDS "${archive}" "${registry}")

    file(MAKE_DIRECTORY "${arg_FOLDER}")
    add_library(${target} INTERFACE)
    add_dependencies(${target} ${target}-files)
    target_include_directories(${target} INTERFACE "${arg_FOLDER}")
    target_link_libraries(${target} INTERFACE "${archive}")
    set_target_properties(${target} PROPERTIES
        TCONV_FOLDER "${arg_FOLDER}" TCONV_ARCHIVE "${archive}" TCONV_REGISTRY "${registry}")
endfunction()
