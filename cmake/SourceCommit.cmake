# Finds out which commit the sources are of, and fills it into a file at each build. Run as
#
#   cmake -D SOURCE_DIR=... -D TEMPLATE=... -D OUTPUT=... -D VERSION=... [-D GIVEN_COMMIT=...]
#     -P SourceCommit.cmake
#
# In the template, @VERSION@ and @COMMIT@ are replaced; the output keeps its time if nothing changed.
# The first that is known counts: GIVEN_COMMIT; what `git archive` wrote into source_commit.txt, for
# tarballs; git, if SOURCE_DIR is the top of a checkout. A tarball that was unpacked inside of another
# checkout is not of that one's commit.
cmake_minimum_required(VERSION 3.25)
set(digits 12)
set(COMMIT "${GIVEN_COMMIT}")
if(NOT COMMIT)
  file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/source_commit.txt archived LIMIT_COUNT 1)
  if(archived MATCHES "^[0-9a-f]+$")
    string(SUBSTRING ${archived} 0 ${digits} COMMIT)
  endif()
endif()
find_program(GIT git)
if(NOT COMMIT AND GIT)
  # The checkout may be somebody else's.
  set(git ${GIT} -c safe.directory=* -C ${SOURCE_DIR})
  execute_process(COMMAND ${git} rev-parse --show-prefix
    OUTPUT_VARIABLE path_from_top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed AND path_from_top STREQUAL "")
    execute_process(COMMAND ${git} describe --always --dirty --abbrev=${digits} --exclude=*
      OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
if(NOT COMMIT)
  set(COMMIT unknown)
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
