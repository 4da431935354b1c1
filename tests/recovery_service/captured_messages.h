// The requests that stock shells, clients and servers really sent (tests/golden), byte for byte,
// what they were answered, and answers as fields.

#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "message_fields.h"

namespace metarec {

struct CapturedRequest {
  std::string name;       // "rpc/RPC_CM_LIST_APPS.1", "variants/k_.../rpc/RPC_CM_LIST_APPS.1"
  std::string task_code;  // as the frame has it
  std::string request;    // the whole frame
  std::string response;   // of a stock server, whatever state it was in; empty: none was captured

  bool is_native() const { return request.compare(0, 4, "RDSN") == 0; }
};

// All of them, by name; also those that were sent to replica servers.
const std::vector<CapturedRequest>& CapturedRequests();
// By its name; the test ends if there is none.
const CapturedRequest& CapturedRequestOf(absl::string_view name);

// The text of a file below tests/golden.
std::string GoldenText(const std::string& path);

// A frame of either kind that answers a request.
struct Answer {
  std::string error_name;  // of the RPC layer
  MessageFields header;    // all that the frame says beside lengths and checksums' values
  std::string body;        // a wrapper struct
};
absl::StatusOr<Answer> ParseAnswer(absl::string_view frame);

// What the header of a right answer says, by INTEROP.md 1.1 and 1.3 (without numbers of codes).
MessageFields HeaderOfAnswerTo(const CapturedRequest& request, absl::string_view error_name);

// The fields of a response's body, decoded as the RPC's own response type. The values of
// cluster_info have their keys as names, tables of list_apps their ids, and the JSON of a remote
// command's answer its members.
absl::StatusOr<MessageFields> BodyFields(absl::string_view task_code, absl::string_view body);

}  // namespace metarec
