# libzip::zip, without libzip's own package file: Debian's refuses to load unless three command line programs, which are
# in packages of their own, are installed too.
find_path(libzip_INCLUDE_DIR zip.h DOC "Folder of libzip's zip.h (Debian: package libzip-dev)")
find_library(libzip_LIBRARY zip DOC "libzip")
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(libzip REQUIRED_VARS libzip_LIBRARY libzip_INCLUDE_DIR)
if(libzip_FOUND AND NOT TARGET libzip::zip)
    add_library(libzip::zip UNKNOWN IMPORTED)
    set_target_properties(libzip::zip PROPERTIES IMPORTED_LOCATION "${libzip_LIBRARY}"
                          INTERFACE_INCLUDE_DIRECTORIES "${libzip_INCLUDE_DIR}")
endif()
mark_as_advanced(libzip_INCLUDE_DIR libzip_LIBRARY)
