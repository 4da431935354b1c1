# Everything comes from Debian packages; docs/DEPENDENCIES.md says why each is here.
# Installed beside metarecConfig.cmake, which includes it, so that users find the same things.
include(CMakeFindDependencyMacro)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_dependency(Threads)
find_dependency(absl)
find_dependency(glog)
find_dependency(OpenSSL COMPONENTS Crypto)
find_dependency(zstd)
find_dependency(Asio)
find_dependency(Thrift)
find_dependency(ZooKeeper)
find_dependency(prometheus-cpp)
