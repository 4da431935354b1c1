#include "random_writer.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <glog/logging.h>

#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr int kSessions = 3;
constexpr int kWindow = 300;
// So long that none expires while trees are compared.
constexpr int kTimeoutMs = 10 * 3600 * 1000;
constexpr int64_t kTtlMs = 300;
constexpr int kPathBytes = 256;

ACL kOurEntries[] = {
    {ZOO_PERM_ALL, {const_cast<char*>("world"), const_cast<char*>("anyone")}},
    {ZOO_PERM_READ, {const_cast<char*>("digest"), const_cast<char*>("us:abcdefgh")}}};
ACL kTheirsEntries[] = {{ZOO_PERM_ALL, {const_cast<char*>("world"), const_cast<char*>("anyone")}},
                        {ZOO_PERM_ALL, {const_cast<char*>("ip"), const_cast<char*>("10.0.0.0/8")}}};
const ACL_vector kOursVector = {2, kOurEntries};
const ACL_vector kTheirs = {2, kTheirsEntries};

struct SessionCloser {
  void operator()(zhandle_t* session) const { zookeeper_close(session); }
};

absl::Status Failed(absl::string_view what, const std::string& path, int result) {
  return absl::UnavailableError(absl::StrCat(what, " ", path, ": ", zerror(result)));
}

NodeStat StatOf(const Stat& stat) {
  NodeStat result;
  result.czxid = stat.czxid;
  result.mzxid = stat.mzxid;
  result.pzxid = stat.pzxid;
  result.ctime_ms = stat.ctime;
  result.mtime_ms = stat.mtime;
  result.version = stat.version;
  result.child_version = stat.cversion;
  result.acl_version = stat.aversion;
  result.ephemeral_owner = stat.ephemeralOwner;
  result.data_bytes = stat.dataLength;
  result.num_children = stat.numChildren;
  return result;
}

absl::Status ReadServed(zhandle_t* session, const std::string& path,
                        std::map<std::string, TreeNode>* nodes) {
  TreeNode node;
  Stat stat = {};
  std::string data(1 << 16, '\0');
  int bytes = static_cast<int>(data.size());
  int result = zoo_get(session, path.c_str(), 0, data.data(), &bytes, &stat);
  if (result != ZOK) return Failed("get", path, result);
  node.null_data = bytes < 0;
  node.data = data.substr(0, static_cast<size_t>(std::max(bytes, 0)));
  node.stat = StatOf(stat);
  ACL_vector acl = {};
  result = zoo_get_acl(session, path.c_str(), &acl, &stat);
  if (result != ZOK) return Failed("get_acl", path, result);
  for (int i = 0; i < acl.count; ++i) {
    AclEntry entry;
    entry.permissions = acl.data[i].perms;
    entry.scheme = acl.data[i].id.scheme;
    entry.id = acl.data[i].id.id;
    node.acl.push_back(std::move(entry));
  }
  deallocate_ACL_vector(&acl);
  String_vector names = {};
  result = zoo_get_children2(session, path.c_str(), 0, &names, &stat);
  if (result != ZOK) return Failed("get_children", path, result);
  absl::Status status;
  for (int i = 0; i < names.count && status.ok(); ++i) {
    status = ReadServed(session, absl::StrCat(path == "/" ? "" : path, "/", names.data[i]), nodes);
  }
  deallocate_String_vector(&names);
  (*nodes)[path] = std::move(node);
  return status;
}

}  // namespace

struct RandomWriter::MultiCall {
  RandomWriter* writer = nullptr;
  std::vector<std::string> paths;
  std::vector<std::string> data;
  std::vector<std::array<char, kPathBytes>> created;
  std::vector<zoo_op_t> operations;
  std::vector<zoo_op_result_t> results;
};

RandomWriter::RandomWriter(std::string hosts, uint32_t seed)
    : hosts_(std::move(hosts)), random_(seed) {
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  for (int i = 0; i < kSessions; ++i) sessions_.push_back(OpenSession());
}

RandomWriter::~RandomWriter() {
  // Of a server that is dead, libzookeeper does not report all of what was on its way.
  for (zhandle_t* session : sessions_) zookeeper_close(session);
}

zhandle_t* RandomWriter::OpenSession() const {
  zhandle_t* session = zookeeper_init(hosts_.c_str(), nullptr, kTimeoutMs, nullptr, nullptr, 0);
  CHECK(session != nullptr);
  return session;
}

void RandomWriter::Send(int operations) {
  for (int i = 0; i < operations; ++i) SendOne();
}

void RandomWriter::AwaitAnswers() { AwaitFewerThan(1); }

void RandomWriter::AwaitFewerThan(int limit) {
  for (int now = unanswered_; now >= limit; now = unanswered_) unanswered_.wait(now);
}

void RandomWriter::Begin() {
  AwaitFewerThan(kWindow);
  ++unanswered_;
}

void RandomWriter::Answered() {
  --unanswered_;
  unanswered_.notify_all();
}

void RandomWriter::Abandon(int result) {
  if (result != ZOK) Answered();
}

void RandomWriter::OnVoid(int, const void* writer) {
  static_cast<RandomWriter*>(const_cast<void*>(writer))->Answered();
}
void RandomWriter::OnStat(int result, const Stat*, const void* writer) { OnVoid(result, writer); }
void RandomWriter::OnString(int result, const char*, const void* writer) { OnVoid(result, writer); }
void RandomWriter::OnMulti(int, const void* call) {
  static_cast<const MultiCall*>(call)->writer->Answered();
}

std::string RandomWriter::Path() {
  static constexpr const char* kNames[] = {"a", "b", "c", "d", "e",         "f",
                                           "g", "h", "i", "j", "\xc3\xa9t", "\xe6\xbc\xa2"};
  std::string path;
  const int depth = 1 + Pick(3);
  for (int i = 0; i < depth; ++i) absl::StrAppend(&path, "/", kNames[Pick(12)]);
  return path;
}

std::string RandomWriter::Data() {
  return std::string(static_cast<size_t>(Pick(Pick(50) == 0 ? 2000 : 100)),
                     static_cast<char>('a' + Pick(26)));
}

const ACL_vector* RandomWriter::PickAcl() {
  const int pick = Pick(8);
  return pick == 0 ? &kOursVector : pick == 1 ? &kTheirs : &ZOO_OPEN_ACL_UNSAFE;
}

void RandomWriter::SendOne() {
  zhandle_t*& session = sessions_[Pick(kSessions)];
  const int pick = Pick(1000);
  if (pick < 5) {
    AwaitAnswers();
    zookeeper_close(session);
    session = OpenSession();
    return;
  }
  if (pick < 150) return SendMulti(session);
  const std::string path = Path();
  const std::string data = Data();
  const int bytes = Pick(10) == 0 ? -1 : static_cast<int>(data.size());
  Begin();
  if (pick < 500) {
    static const int kModes[] = {ZOO_PERSISTENT,          ZOO_PERSISTENT,           ZOO_PERSISTENT,
                                 ZOO_EPHEMERAL,           ZOO_EPHEMERAL_SEQUENTIAL, ZOO_CONTAINER,
                                 ZOO_PERSISTENT_WITH_TTL, ZOO_PERSISTENT_SEQUENTIAL};
    // Sequential names are always new, so there are fewer of them.
    int mode = kModes[Pick(8)];
    if (mode == ZOO_PERSISTENT_SEQUENTIAL && Pick(4) != 0) mode = ZOO_PERSISTENT;
    const int64_t ttl = mode == ZOO_PERSISTENT_WITH_TTL ? kTtlMs : -1;
    Abandon(zoo_acreate_ttl(session, path.c_str(), data.data(), bytes, PickAcl(), mode, ttl,
                            &OnString, this));
  } else if (pick < 750) {
    Abandon(zoo_aset(session, path.c_str(), data.data(), bytes, -1, &OnStat, this));
  } else if (pick < 950) {
    Abandon(zoo_adelete(session, path.c_str(), -1, &OnVoid, this));
  } else {
    Abandon(
        zoo_aset_acl(session, path.c_str(), -1, const_cast<ACL_vector*>(PickAcl()), &OnVoid, this));
  }
}

void RandomWriter::SendMulti(zhandle_t* session) {
  auto call = std::make_unique<MultiCall>();
  call->writer = this;
  const int count = 1 + Pick(4);
  call->operations.resize(count);
  call->results.resize(count);
  call->created.resize(count);
  for (int i = 0; i < count; ++i) {
    call->paths.push_back(Path());
    call->data.push_back(Data());
  }
  for (int i = 0; i < count; ++i) {
    zoo_op_t* operation = &call->operations[i];
    const char* path = call->paths[i].c_str();
    const std::string& data = call->data[i];
    switch (Pick(4)) {
      case 0:
        zoo_create_op_init(operation, path, data.data(), static_cast<int>(data.size()), PickAcl(),
                           Pick(3) == 0 ? ZOO_EPHEMERAL : ZOO_PERSISTENT, call->created[i].data(),
                           kPathBytes);
        break;
      case 1:
        zoo_delete_op_init(operation, path, -1);
        break;
      case 2:
        zoo_set_op_init(operation, path, data.data(), static_cast<int>(data.size()), -1, nullptr);
        break;
      default:
        zoo_check_op_init(operation, path, 0);
    }
  }
  Begin();
  MultiCall* sent = call.get();
  calls_.push_back(std::move(call));
  const int result =
      zoo_amulti(session, count, sent->operations.data(), sent->results.data(), &OnMulti, sent);
  if (result != ZOK) OnMulti(result, sent);
}

absl::StatusOr<std::map<std::string, TreeNode>> ReadServedTree(const std::string& hosts) {
  const std::unique_ptr<zhandle_t, SessionCloser> session(
      zookeeper_init(hosts.c_str(), nullptr, 60000, nullptr, nullptr, 0));
  if (session == nullptr) return absl::UnavailableError("zookeeper_init");
  std::map<std::string, TreeNode> nodes;
  METAREC_RETURN_IF_ERROR(ReadServed(session.get(), "/", &nodes));
  return nodes;
}

}  // namespace metarec
