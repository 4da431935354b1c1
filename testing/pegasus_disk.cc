#include "testing/pegasus_disk.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <openssl/evp.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <thrift/protocol/TJSONProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "idl/metadata_types.h"
#include "idl/table_description.h"

namespace metarec::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kMetaFamily[] = "pegasus_meta_cf";

absl::Status ToStatus(const rocksdb::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::InternalError(status.ToString());
}

void AppendBigEndian(uint64_t number, int bytes, std::string* out) {
  for (int i = bytes - 1; i >= 0; --i) out->push_back(static_cast<char>(number >> (8 * i)));
}

absl::Status WriteWhole(const std::string& path, absl::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  return file.good() ? absl::OkStatus() : absl::InternalError(absl::StrCat("cannot write ", path));
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string Md5(absl::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_md5(), nullptr);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

absl::Status CreateFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? absl::InternalError(absl::StrCat(path, ": ", error.message())) : absl::OkStatus();
}

std::string AppMetadata(const TableRecord& table) {
  std::string json;
  JsonWriter out(&json);
  out.StartObject();
  out.Key("status").String("app_status::AS_AVAILABLE");
  out.Key("app_type").String(table.app_type);
  out.Key("app_name").String(table.app_name);
  out.Key("app_id").Int(table.app_id);
  out.Key("partition_count").Int(table.partition_count);
  out.Key("envs").StartObject().EndObject();
  out.Key("is_stateful").Int(1);
  out.Key("max_replica_count").Int(table.max_replica_count);
  out.EndObject();
  return json;
}

// Adds the metadata of a checkpoint to its folder.
absl::Status SealCheckpoint(const std::string& folder) {
  std::string json;
  JsonWriter out(&json);
  int64_t total = 0;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  out.StartObject();
  out.Key("checkpoint_decree").Int(1);
  out.Key("checkpoint_timestamp").Int(1);
  out.Key("files").StartArray();
  for (const std::string& name : names) {
    const std::string bytes = ReadWhole(absl::StrCat(folder, "/", name));
    METAREC_RETURN_IF_ERROR(WriteBackupFile(absl::StrCat(folder, "/", name), bytes));
    out.StartObject();
    out.Key("name").String(name);
    out.Key("size").Int(static_cast<int64_t>(bytes.size()));
    out.Key("md5").String(Md5(bytes));
    out.EndObject();
    total += static_cast<int64_t>(bytes.size());
  }
  out.EndArray();
  out.Key("checkpoint_total_size").Int(total);
  out.EndObject();
  return WriteBackupFile(absl::StrCat(folder, "/backup_metadata"), json);
}

}  // namespace

std::string PegasusKey(absl::string_view hash_key, absl::string_view sort_key) {
  std::string key;
  AppendBigEndian(hash_key.size(), 2, &key);
  return absl::StrCat(key, hash_key, sort_key);
}

std::string PegasusValue(uint32_t expire, uint64_t timetag, absl::string_view data) {
  std::string value;
  AppendBigEndian(expire, 4, &value);
  AppendBigEndian(timetag, 8, &value);
  return absl::StrCat(value, data);
}

absl::StatusOr<std::unique_ptr<PegasusRows>> PegasusRows::Open(const std::string& folder,
                                                               int64_t data_version) {
  METAREC_RETURN_IF_ERROR(CreateFolder(folder));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.atomic_flush = true;
  options.level0_file_num_compaction_trigger = 4;
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 2;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* database = nullptr;
  METAREC_RETURN_IF_ERROR(ToStatus(rocksdb::DB::Open(
      options, folder, {{rocksdb::kDefaultColumnFamilyName, options}, {kMetaFamily, options}},
      &families, &database)));
  std::unique_ptr<PegasusRows> rows(
      new PegasusRows(std::unique_ptr<rocksdb::DB>(database), std::move(families)));
  rocksdb::WriteOptions no_log;
  no_log.disableWAL = true;
  METAREC_RETURN_IF_ERROR(ToStatus(rows->database_->Put(
      no_log, rows->families_.back(), "pegasus_data_version", std::to_string(data_version))));
  return rows;
}

PegasusRows::~PegasusRows() {
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    database_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
}

absl::Status PegasusRows::Put(absl::string_view key, absl::string_view value) {
  rocksdb::WriteOptions no_log;
  no_log.disableWAL = true;
  return ToStatus(database_->Put(no_log, {key.data(), key.size()}, {value.data(), value.size()}));
}

absl::Status PegasusRows::Delete(absl::string_view key) {
  rocksdb::WriteOptions no_log;
  no_log.disableWAL = true;
  return ToStatus(database_->Delete(no_log, {key.data(), key.size()}));
}

absl::Status PegasusRows::Flush(int64_t decree) {
  rocksdb::WriteOptions no_log;
  no_log.disableWAL = true;
  METAREC_RETURN_IF_ERROR(ToStatus(database_->Put(
      no_log, families_.back(), "pegasus_last_flushed_decree", std::to_string(decree))));
  return ToStatus(database_->Flush({}, families_));
}

absl::Status PegasusRows::Compact() {
  return ToStatus(database_->CompactRange({}, families_.front(), nullptr, nullptr));
}

absl::Status PegasusRows::Checkpoint(const std::string& folder) {
  rocksdb::Checkpoint* checkpoint = nullptr;
  METAREC_RETURN_IF_ERROR(ToStatus(rocksdb::Checkpoint::Create(database_.get(), &checkpoint)));
  const std::unique_ptr<rocksdb::Checkpoint> owned(checkpoint);
  return ToStatus(owned->CreateCheckpoint(folder));
}

std::string AppInfoFile(const TableRecord& table) {
  using apache::thrift::protocol::TJSONProtocol;
  using apache::thrift::transport::TMemoryBuffer;
  const auto buffer = std::make_shared<TMemoryBuffer>();
  TJSONProtocol json(buffer);
  json.writeStructBegin("");
  json.writeFieldBegin("", apache::thrift::protocol::T_STRUCT, 0);
  ToAppInfo(table).write(&json);
  json.writeFieldEnd();
  json.writeFieldStop();
  json.writeStructEnd();
  return absl::StrCat(absl::string_view("\x08\x00\x00\xde\xad\xbe\xef\x00", 8),
                      buffer->getBufferAsString());
}

absl::Status WriteReplicaFolder(const std::string& data_dir, const TableRecord& table,
                                const ReplicaRecord& replica) {
  const std::string folder = absl::StrCat(data_dir, "/", replica.app_id, ".",
                                          replica.partition_index, ".", table.app_type);
  METAREC_ASSIGN_OR_RETURN(const auto rows, PegasusRows::Open(absl::StrCat(folder, "/data/rdb")));
  METAREC_RETURN_IF_ERROR(rows->Flush(replica.last_durable_decree));
  METAREC_RETURN_IF_ERROR(WriteWhole(absl::StrCat(folder, "/.app-info"), AppInfoFile(table)));
  return WriteWhole(absl::StrCat(folder, "/.init-info"),
                    absl::StrCat("{\"init_ballot\":", replica.ballot,
                                 ",\"init_durable_decree\":0,\"init_offset_in_shared_log\":0,"
                                 "\"init_offset_in_private_log\":0}"));
}

absl::Status WriteBackupFile(const std::string& path, absl::string_view bytes) {
  METAREC_RETURN_IF_ERROR(WriteWhole(path, bytes));
  const fs::path file(path);
  return WriteWhole(file.parent_path() / absl::StrCat(".", file.filename().string(), ".meta"),
                    absl::StrCat("{\"md5\":\"", Md5(bytes), "\",\"size\":", bytes.size(), "}"));
}

absl::Status WriteBackup(const std::string& root, const TableRecord& table,
                         const std::vector<PegasusRows*>& partitions) {
  const std::string folder = absl::StrCat(root, "/", table.app_name, "_", table.app_id);
  METAREC_RETURN_IF_ERROR(CreateFolder(absl::StrCat(folder, "/meta")));
  METAREC_RETURN_IF_ERROR(
      WriteBackupFile(absl::StrCat(folder, "/meta/app_metadata"), AppMetadata(table)));
  for (size_t i = 0; i < partitions.size(); ++i) {
    const std::string partition = absl::StrCat(folder, "/", i);
    METAREC_RETURN_IF_ERROR(CreateFolder(partition));
    const std::string checkpoint = "chkpt_localhost_34801";
    METAREC_RETURN_IF_ERROR(partitions[i]->Checkpoint(absl::StrCat(partition, "/", checkpoint)));
    METAREC_RETURN_IF_ERROR(SealCheckpoint(absl::StrCat(partition, "/", checkpoint)));
    METAREC_RETURN_IF_ERROR(
        WriteBackupFile(absl::StrCat(partition, "/current_checkpoint"), checkpoint));
  }
  return absl::OkStatus();
}

}  // namespace metarec::testing
