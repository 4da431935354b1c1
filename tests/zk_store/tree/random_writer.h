// Random transactions of every type on a real server, many at a time, and the tree as it serves it.

#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <zookeeper/zookeeper.h>

#include "zk_store/tree/tree_node.h"

namespace metarec {

// Creations (ephemeral, sequential, container, TTL, with ACLs, names that are not ASCII, null
// data), deletions, new data, new ACLs, multis that succeed and fail, sessions that end. Many of
// them fail, which are transactions, too.
class RandomWriter {
 public:
  RandomWriter(std::string hosts, uint32_t seed);
  // Its sessions do not end if the server is down.
  ~RandomWriter();
  RandomWriter(const RandomWriter&) = delete;
  RandomWriter& operator=(const RandomWriter&) = delete;

  // Returns when all of them were sent; some hundred are not answered then.
  void Send(int operations);
  void AwaitAnswers();

 private:
  struct MultiCall;

  void SendOne();
  void SendMulti(zhandle_t* session);
  zhandle_t* OpenSession() const;
  std::string Path();
  std::string Data();
  int Pick(int count) { return static_cast<int>(random_() % static_cast<uint32_t>(count)); }
  const ACL_vector* PickAcl();
  void AwaitFewerThan(int limit);
  void Begin();
  void Abandon(int result);
  void Answered();

  static void OnVoid(int result, const void* writer);
  static void OnStat(int result, const Stat* stat, const void* writer);
  static void OnString(int result, const char* text, const void* writer);
  static void OnMulti(int result, const void* call);

  const std::string hosts_;
  std::mt19937 random_;
  std::vector<zhandle_t*> sessions_;
  std::vector<std::unique_ptr<MultiCall>> calls_;  // answered or not
  std::atomic<int> unanswered_ = 0;                // libzookeeper's threads count down
};

// Everything that a server serves, by path.
absl::StatusOr<std::map<std::string, TreeNode>> ReadServedTree(const std::string& hosts);

}  // namespace metarec
