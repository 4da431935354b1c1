// Shows the thread sanitizer locks that it does not see by itself, so that it does not take what
// they guard for unguarded. The linker leads the calls here (cmake/TsanMutexes.cmake).
//
// - absl::Mutex: Debian's Abseil is built without the sanitizer. Only the two functions that this
//   project uses: what calls others, such as absl::Mutex::Await, goes on being unseen.
// - std::timed_mutex: it calls pthread_mutex_clocklock, which GCC 12's sanitizer does not know.

#include <cstdint>
#include <ctime>

#include <pthread.h>
#include <sanitizer/tsan_interface.h>

namespace {

constexpr int64_t kNanosecondsInASecond = 1'000'000'000;

int64_t Nanoseconds(const timespec& time) {
  return time.tv_sec * kNanosecondsInASecond + time.tv_nsec;
}

int64_t Now(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return Nanoseconds(now);
}

}  // namespace

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

int __wrap_pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock,
                                   const timespec* deadline) {
  const int64_t until = Nanoseconds(*deadline) - Now(clock) + Now(CLOCK_REALTIME);
  const timespec real_deadline = {until / kNanosecondsInASecond, until % kNanosecondsInASecond};
  return pthread_mutex_timedlock(mutex, &real_deadline);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
