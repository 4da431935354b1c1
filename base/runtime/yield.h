#pragma once

#include "base/runtime/cancellation.h"  // where this is now
