#pragma once
/// Hints the processor to load the cache line at `address`; never faults.
static inline void millrace_prefetch(const void *_Nullable address) { __builtin_prefetch(address); }
/// As `millrace_prefetch`, for a line that is about to be written.
static inline void millrace_prefetch_write(const void *_Nullable address) { __builtin_prefetch(address, 1); }
