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
/// Memory for state that grows, aligned to 64 bytes. From 4 MiB on it lies in huge pages where the system has them: state is read at
/// random, and small pages cost a fault each when they are first written and a miss of the address cache at every read.
/// Null when there is no memory.
void *_Nullable millrace_block_new(size_t bytes);
/// A block of `wanted` bytes in place of one of `bytes`, of which the first `used` are kept. Null when there is no memory; the old block
/// stays then.
void *_Nullable millrace_block_resize(void *_Nonnull block, size_t bytes, size_t wanted, size_t used);
/// Frees a block of this many bytes.
void millrace_block_free(void *_Nullable block, size_t bytes);
/// Over this many bytes of great blocks, new and growing ones are files in a folder; NULL for never. Clears an earlier failure.
void millrace_state_limit(size_t bytes, const char *_Nullable folder);
typedef struct {
  /// Bytes of great blocks in memory, and in files.
  size_t in_memory, in_files;
  /// The `errno` of the first file that could not be made or grown; 0 for none. Such a block went to memory.
  int failure;
} millrace_state_use_t;
millrace_state_use_t millrace_state_use(void);
/// What an `errno` says.
const char *_Nonnull millrace_failure_text(int32_t failure);
