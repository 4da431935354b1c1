#pragma once

#include "rpc/server.h"  // where this is now
