#pragma once

#include "testing/simulated_cluster.h"  // where this is now
