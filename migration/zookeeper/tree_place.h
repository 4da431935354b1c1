#pragma once

#include <string>

#include "zk_store/client/meta_store.h"

namespace metarec {

// A tree in a ZooKeeper. The store must outlive whoever uses it.
struct TreePlace {
  MetaStore* store = nullptr;
  std::string root;
  std::string text;  // for people: "zk1:2181/pegasus/demo"
};

}  // namespace metarec
