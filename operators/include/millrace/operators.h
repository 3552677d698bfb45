#pragma once

/// Everything a program needs to declare its topology.

#include "millrace/operators/process.h"
#include "millrace/operators/processed_stream.h"
#include "millrace/operators/stream.h"
#include "millrace/operators/table.h"
#include "millrace/operators/topology_builder.h"
#include "millrace/operators/typed_store.h"
