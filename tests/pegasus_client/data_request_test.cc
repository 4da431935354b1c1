// What we send, compared with what the stock shell sent (tests/golden/migration/copy_data).

#include "pegasus_client/data_request.h"

#include <fstream>
#include <functional>
#include <map>
#include <string>

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "idl/data_path.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "rpc/native_frame.h"

namespace metarec {
namespace {

constexpr char kFolder[] = METAREC_GOLDEN_DIR "/migration/copy_data";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Row RowOf(const idl::update_request& put) {
  Row row;
  row.key = *RowKey::FromEncoded(put.key.bytes);
  row.value = put.value.bytes;
  row.expires_at = static_cast<ExpirySeconds>(put.expire_ts_seconds);
  return row;
}

// The tables of the capture by the cluster's port and their ids there: partitions.
TableShape ShapeOf(absl::string_view server, const idl::gpid& gpid) {
  static const std::map<std::pair<bool, int32_t>, int32_t> kCounts = {
      {{false, 2}, 4}, {{true, 2}, 8}, {{true, 3}, 2}, {{true, 4}, 1}, {{true, 5}, 1}};
  const bool is_target = absl::StartsWith(server, "127.0.0.1:35");
  const auto found = kCounts.find({is_target, gpid.app_id});
  EXPECT_NE(found, kCounts.end()) << server << " " << gpid.ToString();
  return {.app_id = gpid.app_id, .partition_count = found->second};
}

// Our request for the same, from the decoded body; nullopt: no verb of ours makes it.
template <typename Body>
std::optional<DataRequest> Again(
    const std::string& bytes, const std::function<std::optional<DataRequest>(const Body&)>& make) {
  Body body;
  const absl::Status decoded = idl::DecodeBody(bytes, &body);
  EXPECT_TRUE(decoded.ok()) << decoded;
  return make(body);
}

std::optional<DataRequest> OurRequest(const std::string& code, TableShape shape, int32_t partition,
                                      const std::string& bytes) {
  using Maybe = std::optional<DataRequest>;
  const auto of_key = [&](auto make) {
    return Again<idl::blob>(bytes, [&](const idl::blob& key) -> Maybe {
      return make(shape, *RowKey::FromEncoded(key.bytes));
    });
  };
  if (code == idl::kRpcRrdbGet) return of_key(GetRequest);
  if (code == idl::kRpcRrdbTtl) return of_key(TtlRequest);
  if (code == idl::kRpcRrdbRemove) return of_key(RemoveRequest);
  if (code == idl::kRpcRrdbPut) {
    return Again<idl::update_request>(bytes, [&](const idl::update_request& put) -> Maybe {
      return PutRequest(shape, RowOf(put));
    });
  }
  if (code == idl::kRpcRrdbMultiPut) {
    return Again<idl::multi_put_request>(bytes, [&](const idl::multi_put_request& put) -> Maybe {
      std::vector<Row> rows;
      for (const idl::key_value& one : put.kvs) {
        rows.push_back({.key = *RowKey::Make(put.hash_key.bytes, one.key.bytes),
                        .value = one.value.bytes,
                        .expires_at = static_cast<ExpirySeconds>(put.expire_ts_seconds)});
      }
      return MultiPutRequest(shape, rows);
    });
  }
  if (code == idl::kRpcRrdbCheckAndSet) {
    return Again<idl::check_and_set_request>(
        bytes, [&](const idl::check_and_set_request& set) -> Maybe {
          CheckAndSet ours;
          ours.check = static_cast<CheckAndSet::Check>(set.check_type);
          ours.row.key = *RowKey::Make(set.hash_key.bytes, set.check_sort_key.bytes);
          ours.row.value = set.set_value.bytes;
          ours.row.expires_at = static_cast<ExpirySeconds>(set.set_expire_ts_seconds);
          return CheckAndSetRequest(shape, ours);
        });
  }
  if (code == idl::kRpcRrdbScan) {
    return Again<idl::scan_request>(bytes, [&](const idl::scan_request& scan) -> Maybe {
      return ScanRequest(shape, partition, scan.context_id);
    });
  }
  return Again<idl::get_scanner_request>(bytes, [&](const idl::get_scanner_request& scan) -> Maybe {
    // Scans of one hash key, and those that only count, are not made by us.
    if (scan.start_key.bytes != std::string(2, '\0') || scan.only_return_count) return {};
    ScanOptions options;
    options.batch_size = scan.batch_size;
    options.no_value = scan.no_value;
    options.no_expiry = !scan.return_expire_ts;
    options.hash_key_filter = {static_cast<KeyFilter::Type>(scan.hash_key_filter_type),
                               scan.hash_key_filter_pattern.bytes};
    options.sort_key_filter = {static_cast<KeyFilter::Type>(scan.sort_key_filter_type),
                               scan.sort_key_filter_pattern.bytes};
    return GetScannerRequest(shape, partition, options, nullptr);
  });
}

// The frame that a client of ours sends, but for what names the sending process.
std::string FrameOf(const DataRequest& request, const rpc::NativeHeader& captured) {
  rpc::NativeHeader header;
  header.id = captured.id;
  header.trace_id = captured.trace_id;
  header.rpc_local_code = captured.rpc_local_code;
  header.rpc_name = request.task_code;
  header.gpid = request.gpid;
  header.context =
      rpc::kContextIsRequest | rpc::kContextFormatThriftBinary | rpc::kContextIsForwardSupported;
  header.from_address = idl::rpc_address(0x7F000001, 1);
  header.timeout_ms = captured.timeout_ms;
  header.thread_hash = request.thread_hash;
  header.partition_hash = request.partition_hash;
  return rpc::BuildNativeHeader(header, request.body, rpc::Checksums::kNone) + request.body;
}

TEST(DataRequest, EveryRequestOfTheStockShellIsMadeToTheSameBytes) {
  std::ifstream index(absl::StrCat(kFolder, "/rpc/index.jsonl"));
  std::map<std::string, int> equal;
  int moved_to_its_partition = 0;
  for (std::string line; std::getline(index, line);) {
    rapidjson::Document entry;
    ASSERT_FALSE(entry.Parse(line.c_str()).HasParseError());
    const std::string code = entry["code"].GetString();
    if (!absl::StartsWith(code, "RPC_RRDB_")) continue;
    if (absl::StrContains(entry["scenario"].GetString(), "hand-made")) continue;
    const std::string file = entry["request"].GetString();
    SCOPED_TRACE(file);
    const std::string message = ReadFile(absl::StrCat(kFolder, "/rpc/", file));
    const auto header = rpc::ParseNativeHeader(message.substr(0, rpc::kNativeHeaderBytes));
    ASSERT_TRUE(header.ok()) << header.status();
    const std::string body = message.substr(rpc::kNativeHeaderBytes);
    const TableShape shape = ShapeOf(entry["server"].GetString(), header->gpid);
    const auto ours = OurRequest(code, shape, header->gpid.partition_index, body);
    if (!ours) continue;
    if (code == idl::kRpcRrdbCheckAndSet && header->partition_hash == 0) {
      // Stock sends rows without a hash key to partition 0; ours go where a get looks for them.
      EXPECT_EQ(ours->body, body);
      EXPECT_NE(ours->partition_hash, 0u);
      EXPECT_EQ(ours->gpid.partition_index,
                PartitionOf(ours->partition_hash, shape.partition_count));
      ++moved_to_its_partition;
      continue;
    }
    EXPECT_EQ(absl::BytesToHexString(FrameOf(*ours, *header)), absl::BytesToHexString(message));
    ++equal[code];
  }
  EXPECT_EQ(equal[idl::kRpcRrdbPut], 19);
  EXPECT_EQ(equal[idl::kRpcRrdbMultiPut], 5);
  EXPECT_EQ(equal[idl::kRpcRrdbGet], 1);
  EXPECT_EQ(equal[idl::kRpcRrdbTtl], 3);
  EXPECT_EQ(equal[idl::kRpcRrdbRemove], 1);
  EXPECT_EQ(equal[idl::kRpcRrdbScan], 8);
  EXPECT_GE(equal[idl::kRpcRrdbGetScanner], 11);
  EXPECT_GE(equal[idl::kRpcRrdbCheckAndSet], 1);
  EXPECT_GE(moved_to_its_partition, 1);
}

TEST(DataRequest, EveryPutOfThePlainCopyGoesWhereTheShellSentIt) {
  std::ifstream file(absl::StrCat(kFolder, "/plain_puts.jsonl"));
  const TableShape shape{.app_id = 2, .partition_count = 8};
  int puts = 0;
  for (std::string line; std::getline(file, line); ++puts) {
    rapidjson::Document put;
    ASSERT_FALSE(put.Parse(line.c_str()).HasParseError());
    Row row;
    row.key = *RowKey::FromEncoded(absl::HexStringToBytes(put["key_hex"].GetString()));
    const DataRequest request = PutRequest(shape, row);
    EXPECT_EQ(request.gpid.ToString(), put["gpid"].GetString());
    EXPECT_EQ(std::to_string(request.partition_hash), put["partition_hash"].GetString());
    EXPECT_EQ(request.thread_hash, put["thread_hash"].GetInt());
  }
  EXPECT_EQ(puts, 493);
}

TEST(DataRequest, AScanNeverBeginsWithAKeyThatServersAbortOn) {
  const TableShape shape{.app_id = 2, .partition_count = 8};
  ScanOptions options;
  options.batch_size = -5;
  const RowKey empty;
  for (const RowKey* after : {static_cast<const RowKey*>(nullptr), &empty}) {
    const DataRequest request = GetScannerRequest(shape, 3, options, after);
    idl::get_scanner_request scan;
    ASSERT_TRUE(idl::DecodeBody(request.body, &scan).ok());
    EXPECT_EQ(scan.start_key.bytes, std::string(2, '\0'));
    EXPECT_EQ(scan.start_inclusive, after == nullptr);
    EXPECT_EQ(scan.batch_size, 1);
  }
}

TEST(RowKey, WhatServersCannotReadIsNoKey) {
  EXPECT_FALSE(RowKey::FromEncoded("").ok());
  EXPECT_FALSE(RowKey::FromEncoded(std::string(1, '\0')).ok());
  EXPECT_FALSE(RowKey::FromEncoded(std::string("\0\x05half", 6)).ok());
  EXPECT_TRUE(RowKey::FromEncoded(std::string(2, '\0')).ok());
  EXPECT_FALSE(RowKey::Make(std::string(0xFFFF, 'h'), "").ok());
  const auto longest = RowKey::Make(std::string(0xFFFE, 'h'), "s");
  ASSERT_TRUE(longest.ok());
  EXPECT_EQ(longest->hash_key().size(), 0xFFFEu);
  EXPECT_EQ(longest->sort_key(), "s");
}

TEST(Expiry, IsCountedFromTheFirstOfJanuary2016) {
  EXPECT_EQ(TimeOfExpiry(0), absl::InfiniteFuture());
  EXPECT_EQ(ExpiryAt(absl::FromUnixSeconds(1'451'606'400 + 77)), 77u);
  EXPECT_EQ(absl::ToUnixSeconds(TimeOfExpiry(343'624'570)), 1'795'230'970);
  EXPECT_FALSE(HasExpired(0, absl::Now()));
  EXPECT_TRUE(HasExpired(77, TimeOfExpiry(77)));
  EXPECT_FALSE(HasExpired(77, TimeOfExpiry(77) - absl::Seconds(1)));
}

}  // namespace
}  // namespace metarec
