#include "migration/split/split_writers.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include "base/runtime/status_macros.h"
#include "replica_collector/disk/pegasus_database.h"

namespace metarec {
namespace {

constexpr int64_t kBytesOfRow = 12;  // that are kept of each row in a file that is open
constexpr size_t kWriteBufferBytes = 128 << 10;

absl::string_view ToView(rocksdb::Slice slice) { return {slice.data(), slice.size()}; }
rocksdb::Slice ToSlice(absl::string_view view) { return {view.data(), view.size()}; }

}  // namespace

std::string SplitFileName(size_t unit, int number) {
  return absl::StrCat("data_", unit, "_", number, ".sst");
}

rocksdb::Options SstOptions() {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 2;
  table.checksum = rocksdb::kCRC32c;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  return options;
}

SplitWriters::SplitWriters(std::string folder, size_t unit, std::vector<int32_t> targets,
                           const SplitWriterOptions& options)
    : folder_(std::move(folder)),
      unit_(unit),
      options_(options),
      rows_of_file_max_(
          std::max<int64_t>(1000, options.memory_bytes / kBytesOfRow /
                                      std::max<int64_t>(1, static_cast<int64_t>(targets.size())))),
      sst_options_(SstOptions()),
      targets_(std::move(targets)) {
  env_options_.writable_file_max_buffer_size = kWriteBufferBytes;
  open_.resize(targets_.size());
  for (size_t i = 0; i < targets_.size(); ++i) place_of_[targets_[i]] = i;
}

std::string SplitWriters::PathOf(int32_t target, const std::string& name) const {
  return absl::StrCat(folder_, "/", target, "/", name);
}

absl::Status SplitWriters::Begin(int32_t target, Open* open) {
  open->name = SplitFileName(unit_, next_number_++);
  open->rows = 0;
  open->writer = std::make_unique<rocksdb::SstFileWriter>(
      env_options_, sst_options_, /*column_family=*/nullptr, /*invalidate_page_cache=*/false);
  return FromRocksDb(open->writer->Open(PathOf(target, open->name)),
                     absl::StrCat("cannot create ", PathOf(target, open->name)));
}

absl::Status SplitWriters::Put(int32_t target, absl::string_view key, absl::string_view value) {
  Open& open = open_[place_of_.at(target)];
  if (open.writer == nullptr) METAREC_RETURN_IF_ERROR(Begin(target, &open));
  const rocksdb::Status put = open.writer->Put(ToSlice(key), ToSlice(value));
  if (!put.ok()) {
    return FromRocksDb(put, absl::StrCat("cannot write ", PathOf(target, open.name)));
  }
  ++open.rows;
  if (open.rows < rows_of_file_max_ &&
      static_cast<int64_t>(open.writer->FileSize()) < options_.file_bytes_max) {
    return absl::OkStatus();
  }
  return Complete(target, &open);
}

absl::Status SplitWriters::Complete(int32_t target, Open* open) {
  const std::string path = PathOf(target, open->name);
  rocksdb::ExternalSstFileInfo info;
  const rocksdb::Status finished = open->writer->Finish(&info);
  if (!finished.ok()) return FromRocksDb(finished, absl::StrCat("cannot write ", path));
  open->writer.reset();
  SplitFile file;
  file.target = target;
  file.name = open->name;
  file.size = static_cast<int64_t>(info.file_size);
  METAREC_ASSIGN_OR_RETURN(file.rows, ReadSplitFile(path));
  METAREC_ASSIGN_OR_RETURN(file.md5, Md5OfFile(path));
  METAREC_RETURN_IF_ERROR(WriteFileMeta(absl::StrCat(folder_, "/", target), file));
  complete_.push_back(std::move(file));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SplitFile>> SplitWriters::Finish() {
  for (size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].writer != nullptr) METAREC_RETURN_IF_ERROR(Complete(targets_[i], &open_[i]));
  }
  return std::move(complete_);
}

absl::StatusOr<RowsDigest> ReadSplitFile(const std::string& path) {
  rocksdb::SstFileReader reader(SstOptions());
  METAREC_RETURN_IF_ERROR(FromRocksDb(reader.Open(path), absl::StrCat("cannot read back ", path)));
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.total_order_seek = true;
  options.readahead_size = 1 << 20;
  const std::unique_ptr<rocksdb::Iterator> row(reader.NewIterator(options));
  RowsDigest rows;
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    if (!IsEmptyWrite(ToView(row->key()))) rows.Add(ToView(row->key()), ToView(row->value()));
  }
  METAREC_RETURN_IF_ERROR(FromRocksDb(row->status(), absl::StrCat("cannot read back ", path)));
  return rows;
}

absl::StatusOr<SplitFile> WriteEmptyFile(const std::string& folder, int32_t target) {
  SplitFile file;
  file.target = target;
  file.name = "data_empty.sst";
  const std::string path = absl::StrCat(folder, "/", target, "/", file.name);
  const std::string cannot = absl::StrCat("cannot write ", path);
  // One that is there stays, since somebody may be loading it.
  const absl::StatusOr<RowsDigest> before = ReadSplitFile(path);
  if (before.ok() && before->rows == 0) {
    std::error_code error;
    file.size = static_cast<int64_t>(std::filesystem::file_size(path, error));
    METAREC_ASSIGN_OR_RETURN(file.md5, Md5OfFile(path));
    METAREC_RETURN_IF_ERROR(WriteFileMeta(absl::StrCat(folder, "/", target), file));
    return file;
  }
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), SstOptions());
  METAREC_RETURN_IF_ERROR(FromRocksDb(writer.Open(path), cannot));
  METAREC_RETURN_IF_ERROR(FromRocksDb(writer.Put("", EmptyWriteValue()), cannot));
  rocksdb::ExternalSstFileInfo info;
  METAREC_RETURN_IF_ERROR(FromRocksDb(writer.Finish(&info), cannot));
  file.size = static_cast<int64_t>(info.file_size);
  METAREC_ASSIGN_OR_RETURN(file.md5, Md5OfFile(path));
  METAREC_RETURN_IF_ERROR(WriteFileMeta(absl::StrCat(folder, "/", target), file));
  return file;
}

}  // namespace metarec
