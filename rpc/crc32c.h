#pragma once

#include "rpc/native_frame.h"  // where this is now
