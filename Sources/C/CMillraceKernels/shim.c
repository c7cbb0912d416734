// Header-only kernels in include/; memory for state in state_memory.c.
#include "millrace_kernels.h"
