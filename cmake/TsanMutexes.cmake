# In a build with the thread sanitizer, every program is linked so that the sanitizer sees all
# locks at work (tsan/visible_mutexes.cc says why).
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=thread")
  add_library(tsan_mutexes STATIC ${PROJECT_SOURCE_DIR}/cmake/tsan/visible_mutexes.cc)
  target_link_libraries(tsan_mutexes PUBLIC absl::synchronization)
  foreach(function IN ITEMS _ZN4absl7debian35Mutex4LockEv _ZN4absl7debian35Mutex6UnlockEv
                            pthread_mutex_clocklock)
    # Undefined from the start, so that it is there even in a program that has no mutex of its own.
    add_link_options(-Wl,--wrap=${function} -Wl,--undefined=__wrap_${function})
  endforeach()
  link_libraries($<BUILD_INTERFACE:tsan_mutexes>)
endif()
