#pragma once

#include "testing/zookeeper_server.h"  // where this is now
