// What old trees add, decided a second time as simply as possible (docs/recovery-rules.md, "Old
// trees").

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "meta_recovery/old_tree/old_tree.h"
#include "reference_model.h"
#include "zk_store/topology/znode_json.h"

namespace metarec::simulation {

// A table before old trees are looked at.
struct OldTreeSubject {
  AppZnode app;
  bool is_described = false;           // by a node
  bool is_free = false;                // nobody mentions the id
  bool is_left_out = false;            // as the operator decided, or until it is decided
  bool is_undecided = false;           // its partition count
  bool is_splitting = false;           // some children have no znode yet
  std::map<int32_t, int64_t> ballots;  // the highest that was reported, by partition
};

enum class OldTreeFate { kNone, kFollowed, kCompleted, kStaysDropped, kKept };

class OldTreeModel {
 public:
  OldTreeModel(const std::vector<OldTree>& trees, const ModelOptions& options)
      : options_(options), trees_(trees) {}

  // Which trees are of this cluster. `created`: of the tables that nodes describe. False if one of
  // the sources is of none.
  bool Choose(const std::map<int32_t, int64_t>& created);

  // The highest id that must not be used again; 0: no tree tells of one.
  int32_t HighestId() const;

  // Changes `subject->app` and says how.
  OldTreeFate Apply(OldTreeSubject* subject);

  // After all tables: znodes beside the tables and below them, by path relative to the root.
  std::map<std::string, std::string> Carried(bool with_duplications) const;

 private:
  struct Used {
    const OldTree* tree;
    bool is_whole;  // no table of it is of another cluster
  };

  const OldTable* Newest(const OldTreeSubject& subject, const OldTree** of) const;
  void Follow(const OldTable& old, const OldTree& tree, OldTreeSubject* subject) const;
  void Complete(const AppZnode& old, OldTreeSubject* subject) const;
  void Drop(const AppZnode& old, OldTreeSubject* subject) const;
  int32_t InitCount(const AppZnode& old, const OldTreeSubject& subject) const;
  void Undo(const AppZnode& before, AppZnode* app) const;

  const ModelOptions& options_;
  const std::vector<OldTree>& trees_;
  std::vector<Used> used_;
  std::map<int32_t, std::pair<OldTreeFate, const OldTree*>> fates_;
  std::map<int32_t, const OldTable*> tables_;  // the one that was looked at, by id
};

}  // namespace metarec::simulation
