# In a build with the thread sanitizer, every program is linked so that the sanitizer sees
# absl::Mutex at work (tsan/absl_mutex.cc says why).
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=thread")
  add_library(tsan_absl_mutex STATIC ${PROJECT_SOURCE_DIR}/cmake/tsan/absl_mutex.cc)
  target_link_libraries(tsan_absl_mutex PUBLIC absl::synchronization)
  foreach(function IN ITEMS Lock Unlock)
    string(LENGTH ${function} length)
    set(mangled _ZN4absl7debian35Mutex${length}${function}Ev)
    # Undefined from the start, so that it is there even in a program that has no mutex of its own.
    add_link_options(-Wl,--wrap=${mangled} -Wl,--undefined=__wrap_${mangled})
  endforeach()
  link_libraries($<BUILD_INTERFACE:tsan_absl_mutex>)
endif()
