#pragma once

#include "testing/fault_injecting_meta_store.h"  // where this is now
