// Private to pegasus_client/: the bodies of answers on the data path.

#pragma once

#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "idl/error_names.h"
#include "idl/serialization.h"
#include "rpc/pegasus_status.h"

namespace metarec {

// What RocksDB says, by number, in the `error` of answers.
enum StorageError : int32_t {
  kStorageOk = 0,
  kStorageNotFound = 1,
  kStorageIncomplete = 7,
  kStorageTimedOut = 9,
  kStorageBusy = 11,
  kStorageTryAgain = 13,  // of check_and_set: the check failed
};

template <typename Response>
absl::StatusOr<Response> Decode(const std::string& body) {
  Response response;
  const absl::Status decoded = idl::DecodeBody(body, &response);
  if (decoded.ok()) return response;
  return rpc::PegasusError(
      idl::kErrInvalidData,
      absl::StrCat("a replica server sent something that is no answer: ", decoded.message()));
}

inline absl::Status StorageFailure(int32_t error) {
  return rpc::PegasusError(idl::kErrUnknown,
                           absl::StrCat("the storage of a replica server fails with error ", error,
                                        " (a code of RocksDB)"));
}

inline bool IsTransient(int32_t error) {
  return error == kStorageIncomplete || error == kStorageTimedOut || error == kStorageBusy ||
         error == kStorageTryAgain;
}

}  // namespace metarec
