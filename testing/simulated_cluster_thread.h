#pragma once

#include "testing/simulated_servers.h"  // where this is now
