#pragma once

#include "base/runtime/task_group.h"  // where this is now
