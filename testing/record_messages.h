#pragma once

#include "testing/simulated_replica_server.h"  // where this is now
