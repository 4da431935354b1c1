// Reads one transaction log, log.<zxid>: "ZKLG", version, database id, then records of Adler-32,
// length, bytes and 'B', up to the end of the file or to zeros (the file is preallocated).

#pragma once

#include <cstdint>

#include <absl/strings/string_view.h>

#include "zk_store/tree/data_directory/data_files.h"
#include "zk_store/tree/data_directory/data_finding.h"

namespace metarec {

struct LogRecord {
  int64_t bytes_offset = 0;  // of `bytes` in the file
  absl::string_view bytes;   // valid until the next Next; their checksum is right
};

class LogReader {
 public:
  // `descriptor` stays the caller's.
  explicit LogReader(int descriptor);

  // False at the end of what can be used.
  bool Next(LogRecord* record);

  // Once Next has returned false: kNone if the log ends between records.
  DataDamage damage() const { return damage_; }
  // True if the damage is such as a server leaves that is killed while it writes: the file ends
  // within a record, or zeros follow its written part.
  bool is_torn() const { return is_torn_; }
  // Where what cannot be used begins; the end of the file if there is no damage.
  int64_t end_offset() const { return end_offset_; }
  // The first byte behind the end that is not zero; -1: none.
  int64_t unread_offset() const { return unread_offset_; }

 private:
  bool End(DataDamage damage, bool is_torn);

  ByteStream stream_;
  bool at_begin_ = true;
  bool at_end_ = false;
  DataDamage damage_ = DataDamage::kNone;
  bool is_torn_ = false;
  int64_t end_offset_ = 0;
  int64_t unread_offset_ = -1;
};

}  // namespace metarec
