#pragma once

#include "base/text/wording.h"  // where this is now
