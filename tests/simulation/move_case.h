// A move of a cluster from one ZooKeeper to another and what happens meanwhile, as data.

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "migration/zookeeper/move_request.h"
#include "transfer_case.h"

namespace metarec::simulation {

// What is in the target before.
enum class MoveTarget {
  kAbsent,         // nothing of the way to its root
  kWayIsThere,     // what is above its root
  kEmptyRoot,      //
  kLockDirectory,  // a root with a lock directory in which nobody is
  kFormerMove,     // the mark of a former move away from there
};
inline constexpr int64_t kMoveTargets = 5;

// What the operator does once the move is done.
enum class MoveThen { kNothing, kAbort, kFinish };
inline constexpr int64_t kMoveThens = 3;

// TransferItem::b of kCommandFault.
enum class CommandFault { kFailsBefore, kFailsAfter, kTakesMinutes };
inline constexpr int64_t kCommandFaults = 3;

inline constexpr char kMovedFromRoot[] = "/pegasus/demo";

struct MoveCase : TransferCase {
  MoveWay way = MoveWay::kCopy;
  bool carry_over = false;
  // Otherwise the operator stops and starts meta servers when he is asked.
  bool has_commands = true;
  int metas = 2;
  int nodes = 3;
  int tables = 2;
  int partitions = 2;  // of each table
  std::string to_root;
  MoveTarget target = MoveTarget::kAbsent;
  MoveThen then = MoveThen::kNothing;
  int attempts_max = 3;  // until the operator waits for a calm day

  // What was planned. The commands are "stop", "start" and "edit".
  MoveRequest Request() const;
  // Whether nothing but misfortune keeps the move from succeeding: nobody starts or changes
  // anything but the tool and who does what it asks for.
  bool IsSimple() const;
};

std::string MetaAddressOf(int meta);
std::string NodeAddressOf(int node);

// The case without the items `dropped`; the other items stay as they are.
MoveCase MakeMoveCase(uint64_t seed, std::set<size_t> dropped = {});

}  // namespace metarec::simulation
