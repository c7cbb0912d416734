#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "millrace_kernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <sys/mman.h>

static const size_t huge_page = (size_t)2 << 20;
static const size_t huge_from = (size_t)4 << 20;

static size_t whole_pages(size_t bytes) { return (bytes + huge_page - 1) & ~(huge_page - 1); }

/// Address space that begins at a multiple of a huge page; NULL when there is none.
static char *reserve(size_t length, int protection) {
  // A page more than asked for; what is left over at both ends is given back.
  char *reserved = mmap(NULL, length + huge_page, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved == MAP_FAILED) return NULL;
  char *block = (char *)(((uintptr_t)reserved + huge_page - 1) & ~(uintptr_t)(huge_page - 1));
  if (block > reserved) munmap(reserved, (size_t)(block - reserved));
  size_t behind = (size_t)(reserved + length + huge_page - (block + length));
  if (behind > 0) munmap(block + length, behind);
  return block;
}

void *millrace_block_new(size_t bytes) {
  if (bytes >= huge_from) {
    size_t length = whole_pages(bytes);
    char *block = reserve(length, PROT_READ | PROT_WRITE);
    if (block != NULL) madvise(block, length, MADV_HUGEPAGE);
    return block;
  }
  void *block = NULL;
  return posix_memalign(&block, 64, bytes == 0 ? 64 : bytes) == 0 ? block : NULL;
}

void *millrace_block_resize(void *block, size_t bytes, size_t wanted, size_t used) {
  if (bytes >= huge_from && wanted >= huge_from) {
    // The pages move to another address; nothing is copied.
    size_t length = whole_pages(wanted);
    char *target = reserve(length, PROT_NONE);
    if (target == NULL) return NULL;
    if (mremap(block, whole_pages(bytes), length, MREMAP_MAYMOVE | MREMAP_FIXED, target) == MAP_FAILED) {
      munmap(target, length);
      return NULL;
    }
    madvise(target, length, MADV_HUGEPAGE);
    return target;
  }
  void *moved = millrace_block_new(wanted);
  if (moved == NULL) return NULL;
  memcpy(moved, block, used);
  millrace_block_free(block, bytes);
  return moved;
}

void millrace_block_free(void *block, size_t bytes) {
  if (block == NULL) return;
  if (bytes >= huge_from) {
    munmap(block, whole_pages(bytes));
  } else {
    free(block);
  }
}
#else
void *millrace_block_new(size_t bytes) {
  void *block = NULL;
  return posix_memalign(&block, 64, bytes == 0 ? 64 : bytes) == 0 ? block : NULL;
}

void *millrace_block_resize(void *block, size_t bytes, size_t wanted, size_t used) {
  void *moved = millrace_block_new(wanted);
  if (moved == NULL) return NULL;
  memcpy(moved, block, used);
  millrace_block_free(block, bytes);
  return moved;
}

void millrace_block_free(void *block, size_t bytes) {
  (void)bytes;
  free(block);
}
#endif
