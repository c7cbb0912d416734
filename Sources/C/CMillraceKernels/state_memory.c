// Blocks of memory for keyed state.
//
// Small blocks come from malloc. Great ones lie in huge pages; over the limit of the process they are files in the spill folder, mapped
// into memory: the system keeps the pages in use and writes the others out, so a job slows down where it would be killed. A file has no
// name and its space is taken before it is used: a full disk is an error here, not a signal later.
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "millrace_kernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t huge_page = (size_t)2 << 20;
static const size_t huge_from = (size_t)4 << 20;

struct file_block {
  char *address;
  int file;
};

static struct {
  pthread_mutex_t lock;
  size_t limit;
  char *folder;
  /// Bytes of great blocks, in memory and in files.
  size_t in_memory, in_files;
  int failure;
  struct file_block *files;
  size_t count, capacity;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

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

static char *new_in_memory(size_t length) {
  char *block = reserve(length, PROT_READ | PROT_WRITE);
  if (block != NULL) madvise(block, length, MADV_HUGEPAGE);
  return block;
}

// The functions below are called with the lock held.

static struct file_block *find(const char *address) {
  for (size_t i = 0; i < state.count; i++)
    if (state.files[i].address == address) return &state.files[i];
  return NULL;
}

static int extend(int file, size_t length) {
  int error = posix_fallocate(file, 0, (off_t)length);
  return error == EINVAL || error == EOPNOTSUPP ? (ftruncate(file, (off_t)length) == 0 ? 0 : errno) : error;
}

static int open_nameless(const char *folder) {
  int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  char path[4096];
  if (snprintf(path, sizeof path, "%s/millrace-state-XXXXXX", folder) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  file = mkostemp(path, O_CLOEXEC);
  if (file >= 0) unlink(path);
  return file;
}

static char *new_in_file(size_t length) {
  if (state.count == state.capacity) {
    size_t capacity = state.capacity == 0 ? 16 : 2 * state.capacity;
    struct file_block *files = realloc(state.files, capacity * sizeof *files);
    if (files == NULL) return NULL;
    state.files = files;
    state.capacity = capacity;
  }
  int file = open_nameless(state.folder);
  int error = file < 0 ? errno : extend(file, length);
  char *block = error != 0 ? MAP_FAILED : mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (block == MAP_FAILED) {
    if (state.failure == 0) state.failure = error != 0 ? error : errno;
    if (file >= 0) close(file);
    return NULL;
  }
  state.files[state.count++] = (struct file_block){block, file};
  return block;
}

static int is_over(size_t more) { return state.folder != NULL && state.in_memory + more > state.limit; }

static void *new_great(size_t length) {
  if (is_over(length)) {
    char *block = new_in_file(length);
    if (block != NULL) {
      state.in_files += length;
      return block;
    }
  }
  char *block = new_in_memory(length);
  if (block != NULL) state.in_memory += length;
  return block;
}

static void free_great(char *block, size_t length) {
  struct file_block *found = find(block);
  munmap(block, length);
  if (found == NULL) {
    state.in_memory -= length;
    return;
  }
  close(found->file);
  *found = state.files[--state.count];
  state.in_files -= length;
}

static void *resize_great(char *block, size_t length, size_t wanted, size_t used) {
  struct file_block *found = find(block);
  if (found != NULL) {
    int error = wanted > length ? extend(found->file, wanted) : 0;
    char *moved = error != 0 ? MAP_FAILED : mremap(block, length, wanted, MREMAP_MAYMOVE);
    if (moved != MAP_FAILED) {
      if (wanted < length && ftruncate(found->file, (off_t)wanted) != 0) { /* the space comes back with the file */ }
      found->address = moved;
      state.in_files = state.in_files - length + wanted;
      return moved;
    }
    if (state.failure == 0) state.failure = error != 0 ? error : errno;
  } else if (wanted <= length || !is_over(wanted - length)) {
    // The pages move to another address; nothing is copied.
    char *target = reserve(wanted, PROT_NONE);
    if (target == NULL) return NULL;
    if (mremap(block, length, wanted, MREMAP_MAYMOVE | MREMAP_FIXED, target) == MAP_FAILED) {
      munmap(target, wanted);
      return NULL;
    }
    madvise(target, wanted, MADV_HUGEPAGE);
    state.in_memory = state.in_memory - length + wanted;
    return target;
  }
  // To a file from now on, or back to memory when the disk is full: the job is told of that and ends.
  char *moved = new_great(wanted);
  if (moved == NULL) return NULL;
  memcpy(moved, block, used);
  free_great(block, length);
  return moved;
}

void *millrace_block_new(size_t bytes) {
  if (bytes >= huge_from) {
    pthread_mutex_lock(&state.lock);
    void *block = new_great(whole_pages(bytes));
    pthread_mutex_unlock(&state.lock);
    return block;
  }
  void *block = NULL;
  return posix_memalign(&block, 64, bytes == 0 ? 64 : bytes) == 0 ? block : NULL;
}

void *millrace_block_resize(void *block, size_t bytes, size_t wanted, size_t used) {
  if (bytes >= huge_from && wanted >= huge_from) {
    pthread_mutex_lock(&state.lock);
    void *moved = resize_great(block, whole_pages(bytes), whole_pages(wanted), used);
    pthread_mutex_unlock(&state.lock);
    return moved;
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
    pthread_mutex_lock(&state.lock);
    free_great(block, whole_pages(bytes));
    pthread_mutex_unlock(&state.lock);
  } else {
    free(block);
  }
}

void millrace_state_limit(size_t bytes, const char *folder) {
  pthread_mutex_lock(&state.lock);
  free(state.folder);
  state.folder = folder == NULL ? NULL : strdup(folder);
  state.limit = bytes;
  state.failure = 0;
  pthread_mutex_unlock(&state.lock);
}

millrace_state_use_t millrace_state_use(void) {
  pthread_mutex_lock(&state.lock);
  millrace_state_use_t use = {state.in_memory, state.in_files, state.failure};
  pthread_mutex_unlock(&state.lock);
  return use;
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

void millrace_state_limit(size_t bytes, const char *folder) {
  (void)bytes;
  (void)folder;
}

millrace_state_use_t millrace_state_use(void) { return (millrace_state_use_t){0, 0, 0}; }
#endif

const char *millrace_failure_text(int32_t failure) { return strerror(failure); }
