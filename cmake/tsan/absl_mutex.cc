// Shows absl::Mutex to the thread sanitizer. Debian's Abseil is built without it, so that the
// sanitizer would take whatever such a mutex guards for unguarded. The linker leads every call of
// Lock and Unlock here (cmake/TsanAbslMutex.cmake).
//
// Only the two that this project uses: what calls others, such as absl::Mutex::Await, goes on being
// unseen.

#include <sanitizer/tsan_interface.h>

// NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names.
extern "C" {

void __real__ZN4absl7debian35Mutex4LockEv(void* mutex);
void __real__ZN4absl7debian35Mutex6UnlockEv(void* mutex);

void __wrap__ZN4absl7debian35Mutex4LockEv(void* mutex) {
  __tsan_mutex_pre_lock(mutex, 0);
  __real__ZN4absl7debian35Mutex4LockEv(mutex);
  __tsan_mutex_post_lock(mutex, 0, 0);
}

void __wrap__ZN4absl7debian35Mutex6UnlockEv(void* mutex) {
  __tsan_mutex_pre_unlock(mutex, 0);
  __real__ZN4absl7debian35Mutex6UnlockEv(mutex);
  __tsan_mutex_post_unlock(mutex, 0);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
