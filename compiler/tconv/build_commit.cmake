# Writes OUT, a header with the commit of SOURCE, and leaves it alone if it already says so. Run on every build: what
# configure time knew is out of date after the next commit.
cmake_minimum_required(VERSION 3.28)
set(commit "unknown")
find_program(GIT git)
if(GIT)
    execute_process(COMMAND "${GIT}" -C "${SOURCE}" describe --always --dirty --abbrev=12 --exclude=*
                    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed)
        set(commit "${described}")
    endif()
endif()
file(CONFIGURE OUTPUT "${OUT}" CONTENT "#define TCONV_BUILD_COMMIT \"${commit}\"\n")
