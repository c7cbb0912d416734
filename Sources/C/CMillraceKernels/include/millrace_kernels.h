#pragma once
#include <stddef.h>
#include <stdint.h>
/// Hints the processor to load the cache line at `address`; never faults.
static inline void millrace_prefetch(const void *_Nullable address) { __builtin_prefetch(address); }
/// As `millrace_prefetch`, for a line that is about to be written.
static inline void millrace_prefetch_write(const void *_Nullable address) { __builtin_prefetch(address, 1); }
/// Bytewise order of two runs of equal length: negative, zero or positive.
static inline int32_t millrace_compare_bytes(const void *_Nonnull a, const void *_Nonnull b, size_t count) {
  return __builtin_memcmp(a, b, count);
}
