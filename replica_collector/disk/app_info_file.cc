#include "replica_collector/disk/app_info_file.h"

#include <exception>
#include <memory>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <thrift/protocol/TJSONProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include "base/json/json_reader.h"
#include "base/text/wording.h"
#include "idl/metadata_types.h"
#include "idl/table_description.h"

namespace metarec {
namespace {

using apache::thrift::protocol::TJSONProtocol;
using apache::thrift::transport::TMemoryBuffer;

constexpr absl::string_view kAppInfoMark("\x08\x00\x00\xde\xad\xbe\xef\x00", 8);

absl::Status Damaged(absl::string_view file, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(file, " ", what));
}

void ReadWrapped(TJSONProtocol& json, idl::app_info& info) {
  std::string name;
  json.readStructBegin(name);
  apache::thrift::protocol::TType type = apache::thrift::protocol::T_STOP;
  int16_t id = -1;
  json.readFieldBegin(name, type, id);
  if (type != apache::thrift::protocol::T_STRUCT || id != 0) {
    throw apache::thrift::protocol::TProtocolException("it holds no table");
  }
  info.read(&json);
  json.readFieldEnd();
  json.readStructEnd();
}

}  // namespace

absl::StatusOr<TableRecord> ReadAppInfo(absl::string_view bytes) {
  if (bytes.empty()) return Damaged(kAppInfoFile, "is empty");
  if (!absl::StartsWith(bytes, kAppInfoMark)) {
    return Damaged(kAppInfoFile,
                   "does not begin as Pegasus's do; it is damaged, or the data are encrypted");
  }
  bytes.remove_prefix(kAppInfoMark.size());
  idl::app_info info;
  // Thrift's reader takes what it gets for JSON; this says whether it is.
  JsonDocument document;
  if (!document.Parse(bytes)) {
    return Damaged(kAppInfoFile, absl::StrCat("is no JSON behind its head: ", document.error()));
  }
  try {
    // The buffer only reads.
    auto* const data = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
    TJSONProtocol json(std::make_shared<TMemoryBuffer>(data, static_cast<uint32_t>(bytes.size())));
    ReadWrapped(json, info);
  } catch (const std::exception& error) {
    return Damaged(kAppInfoFile,
                   absl::StrCat("holds no table: ", absl::CHexEscape(Shortened(error.what()))));
  }
  TableRecord table = FromAppInfo(std::move(info));
  if (table.app_id <= 0) return Damaged(kAppInfoFile, "has no table id above 0");
  if (table.partition_count <= 0) return Damaged(kAppInfoFile, "has no partition count above 0");
  return table;
}

absl::StatusOr<int64_t> ReadInitBallot(absl::string_view bytes) {
  if (bytes.empty()) return Damaged(kInitInfoFile, "is empty");
  JsonDocument document;
  if (!document.Parse(bytes)) {
    return Damaged(kInitInfoFile, absl::StrCat("is no JSON: ", document.error()));
  }
  JsonFieldReader fields(document.root());
  const int64_t ballot = fields.Int("init_ballot", 0);
  if (!fields.ok()) return Damaged(kInitInfoFile, absl::StrCat("has no ballot: ", fields.error()));
  return ballot;
}

}  // namespace metarec
