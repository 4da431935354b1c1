#include "migration/zookeeper/move_request.h"

#include <absl/strings/str_cat.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec {
namespace {

std::string UnderChroot(absl::string_view hosts, absl::string_view path) {
  const absl::StatusOr<ZooKeeperAddresses> addresses = ParseZooKeeperHosts(hosts);
  return addresses.ok() ? addresses->Under(path) : std::string(path);
}

void WriteSide(absl::string_view key, const MoveSide& side, JsonWriter& out) {
  out.StartObject(key);
  out.String("hosts", side.hosts);
  out.String("root", side.root);
  out.String("lock_root", side.lock_root);
  out.String("auth_file", side.auth_file);
  out.String("reached_by", side.reached_by);
  out.EndObject();
}

MoveSide ReadSide(JsonFieldReader& fields, absl::string_view key) {
  JsonFieldReader side(fields.Find(key));
  MoveSide read;
  read.hosts = side.String("hosts");
  read.root = side.String("root");
  read.lock_root = side.String("lock_root");
  read.auth_file = side.String("auth_file");
  read.reached_by = side.String("reached_by");
  if (!side.ok()) fields.Fail(absl::StrCat(key, ": ", side.error()));
  return read;
}

}  // namespace

absl::string_view MoveWayName(MoveWay way) { return way == MoveWay::kCopy ? "copy" : "recovery"; }

std::string MoveSide::RealRoot() const { return UnderChroot(Reach(), root); }
std::string MoveSide::RealLockRoot() const { return UnderChroot(Reach(), lock_root); }
std::string MoveSide::Text() const { return absl::StrCat(hosts, root); }
std::string MoveSide::Address() const { return absl::StrCat(Reach(), root); }

std::vector<ConfigChange> MoveRequest::ConfigChanges(bool back) const {
  const MoveSide& wanted = back ? from : to;
  std::vector<ConfigChange> changes = {{"zookeeper", "hosts_list", wanted.hosts}};
  if (to.root != from.root) changes.push_back({"meta_server", "cluster_root", wanted.root});
  if (to.lock_root != from.lock_root) {
    changes.push_back({"meta_server", "distributed_lock_service_parameters", wanted.lock_root});
  }
  return changes;
}

std::string EncodeMoveRequest(const MoveRequest& request) {
  std::string json;
  JsonWriter out(&json);
  out.StartObject();
  out.String("way", MoveWayName(request.way));
  WriteSide("from", request.from, out);
  WriteSide("to", request.to, out);
  out.StartArray("metas");
  for (const MoveServer& server : request.metas) {
    out.StartObject();
    out.String("address", server.address);
    out.String("config", server.config);
    out.EndObject();
  }
  out.EndArray();
  out.Strings("nodes", request.nodes);
  out.Strings("alive", request.alive);
  out.Strings("dead", request.dead);
  out.String("level", request.level);
  out.String("stop_meta", request.stop_meta);
  out.String("start_meta", request.start_meta);
  out.String("edit_config", request.edit_config);
  out.Int("lease_seconds", request.lease_seconds);
  out.Int("wait_seconds", request.wait_seconds);
  out.Int("command_seconds", request.command_seconds);
  out.Bool("accept_outage", request.accept_outage);
  out.Bool("carry_over", request.carry_over);
  out.Bool("skip_bad_nodes", request.skip_bad_nodes);
  out.Bool("skip_lost_partitions", request.skip_lost_partitions);
  out.EndObject();
  return json;
}

absl::StatusOr<MoveRequest> DecodeMoveRequest(absl::string_view json) {
  JsonDocument document;
  document.Parse(json);
  JsonFieldReader fields(document.root());
  MoveRequest request;
  const std::string way = fields.String("way");
  if (way != "copy" && way != "recovery") fields.Fail("'way' is neither copy nor recovery");
  request.way = way == "copy" ? MoveWay::kCopy : MoveWay::kRecovery;
  request.from = ReadSide(fields, "from");
  request.to = ReadSide(fields, "to");
  const JsonValue metas = fields.Array("metas");
  for (size_t i = 0; i < metas.size(); ++i) {
    JsonFieldReader server(metas[i]);
    MoveServer& read = request.metas.emplace_back();
    read.address = server.String("address");
    read.config = server.String("config");
    if (!server.ok()) fields.Fail(absl::StrCat("metas: ", server.error()));
  }
  if (request.metas.empty()) fields.Fail("'metas' is empty");
  request.nodes = fields.Strings("nodes");
  request.alive = fields.Strings("alive");
  request.dead = fields.Strings("dead");
  request.level = fields.String("level");
  request.stop_meta = fields.String("stop_meta");
  request.start_meta = fields.String("start_meta");
  request.edit_config = fields.String("edit_config");
  request.lease_seconds = fields.Int("lease_seconds", 0, kMoveSecondsMax);
  request.wait_seconds = fields.Int("wait_seconds", 1, kMoveSecondsMax);
  request.command_seconds = fields.Int("command_seconds", 1, kMoveSecondsMax);
  request.accept_outage = fields.Bool("accept_outage");
  request.carry_over = fields.Bool("carry_over");
  request.skip_bad_nodes = fields.Bool("skip_bad_nodes");
  request.skip_lost_partitions = fields.Bool("skip_lost_partitions");
  if (fields.ok()) return request;
  return absl::InvalidArgumentError(
      absl::StrCat("this is no request for a move: ", fields.error()));
}

std::string MovedLockRoot(absl::string_view lock_root, absl::string_view from,
                          absl::string_view to) {
  if (!IsWithin(lock_root, from)) return std::string(lock_root);
  return absl::StrCat(to, lock_root.substr(from.size()));
}

}  // namespace metarec
