// The C ABI of libmillrace_arrow.so: Parquet files in and out, by way of Arrow C++, for callers that open it with dlopen.
//
// Only plain C types and the two Arrow C Data Interface structs cross this line. The library is built by `make setup`
// into the per-user cache (see dev/setup) together with the libarrow and libparquet it needs; nothing links to it.
//
// How to call it
//   * First check `millrace_arrow_abi_version() == MILLRACE_ARROW_ABI`; refuse the library otherwise.
//   * Every call that can fail returns a `millrace_arrow_status`. Zero is success, `MILLRACE_ARROW_END` (1) is "no more
//     batches", negative values are errors. After an error `millrace_arrow_last_error()` holds one line of text for the
//     calling thread until its next call that fails. No C++ exception ever leaves.
//   * A handle may be used from any thread, by one thread at a time. Different handles are independent.
//   * Ownership of Arrow structs follows the Arrow C Data Interface. A struct passed in is consumed whatever the result:
//     its `release` is called by the library or has been moved away (it is then NULL). A struct filled by the library is
//     owned by the caller, who calls its `release`; it stays valid after the reader is closed. After an error or END an
//     "out" struct has `release == NULL`.
//   * All text is UTF-8 and NUL-terminated. Text returned by a handle lives as long as the handle.
//
// A reader, in words:
//   open -> schema (as often as wanted) -> next ... next until END -> close
// A writer:
//   open -> [metadata] -> write ... write -> close (footer written, file whole) | abort (file removed)
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct ArrowSchema;  // as in https://arrow.apache.org/docs/format/CDataInterface.html
struct ArrowArray;

/// Raised by one whenever a struct or function below changes in a way an older caller would misread.
#define MILLRACE_ARROW_ABI 1

enum millrace_arrow_status_code {
  MILLRACE_ARROW_OK = 0,
  MILLRACE_ARROW_END = 1,           // reader_next: there is no further batch
  MILLRACE_ARROW_INVALID = -1,      // the caller's arguments, the schema, or a batch that does not match the schema
  MILLRACE_ARROW_IO = -2,           // the file cannot be opened, read or written; a full disk is here
  MILLRACE_ARROW_CORRUPT = -3,      // not a Parquet file, or a damaged one
  MILLRACE_ARROW_UNSUPPORTED = -4,  // a type or feature that Arrow's Parquet does not have
  MILLRACE_ARROW_MEMORY = -5,       // out of memory
  MILLRACE_ARROW_OTHER = -6,
};
typedef int32_t millrace_arrow_status;

/// `MILLRACE_ARROW_ABI` of the built library.
int32_t millrace_arrow_abi_version(void);
/// Arrow C++'s own version, for example "26.0.1".
const char *millrace_arrow_library_version(void);
/// The text of the calling thread's last error; "" when there was none. Valid until that thread's next failing call.
const char *millrace_arrow_last_error(void);

// ---- Writing ------------------------------------------------------------------------------------------------------

enum millrace_arrow_compression {
  MILLRACE_ARROW_COMPRESSION_NONE = 0,
  MILLRACE_ARROW_COMPRESSION_SNAPPY = 1,
  MILLRACE_ARROW_COMPRESSION_ZSTD = 2,
  MILLRACE_ARROW_COMPRESSION_GZIP = 3,
  MILLRACE_ARROW_COMPRESSION_LZ4 = 4,
};

typedef struct millrace_arrow_write_options {
  int32_t struct_bytes;       // sizeof(millrace_arrow_write_options)
  int32_t compression;        // one of the enum above
  int32_t compression_level;  // for zstd and gzip; 0 means the library's default (zstd: 1)
  int32_t sync;               // not 0: fsync the file before close returns
  int64_t row_group_rows;     // rows per row group; 0 means 131072
  int32_t write_arrow_schema; // not 0: also store the Arrow schema in the footer ("ARROW:schema"); normally 0
  int32_t reserved;           // 0
} millrace_arrow_write_options;

typedef struct millrace_arrow_writer millrace_arrow_writer;

/// Creates (or truncates) the file at `path` for rows of `schema`, which must be a struct (format "+s") whose children are
/// the columns. Choose a temporary name and rename after close: a file is whole only once close returned 0.
/// `options` may be NULL. On success `*out` is the handle.
millrace_arrow_status millrace_arrow_writer_open(
    const char *path, struct ArrowSchema *schema, const millrace_arrow_write_options *options, millrace_arrow_writer **out);

/// Adds a key and a value to the file's footer. A repeated key keeps its last value.
millrace_arrow_status millrace_arrow_writer_metadata(millrace_arrow_writer *writer, const char *key, const char *value);

/// Appends a batch: a struct array matching the schema given to open, any length, null-free at the top level. Offsets are allowed.
/// The data is encoded before the call returns. After an error the writer can only be aborted.
millrace_arrow_status millrace_arrow_writer_write(millrace_arrow_writer *writer, struct ArrowArray *batch);

/// Writes the footer, closes the file and frees the handle, which is gone whatever the result. On an error the file has been
/// removed. `rows` and `bytes` may be NULL; they receive the number of rows and the size of the file.
millrace_arrow_status millrace_arrow_writer_close(millrace_arrow_writer *writer, int64_t *rows, int64_t *bytes);

/// Closes and removes the unfinished file and frees the handle. NULL is allowed.
void millrace_arrow_writer_abort(millrace_arrow_writer *writer);

// ---- Reading ------------------------------------------------------------------------------------------------------

typedef struct millrace_arrow_read_options {
  int32_t struct_bytes;  // sizeof(millrace_arrow_read_options)
  int32_t reserved;      // 0
  int64_t batch_rows;    // most rows per batch; 0 means 8192. A batch may hold fewer (at the end of a row group) but never 0
  int64_t first_row;     // rows of the file to skip, for reading on from a stored position; whole row groups are not decoded
} millrace_arrow_read_options;

typedef struct millrace_arrow_reader millrace_arrow_reader;

/// Opens a Parquet file. `columns` names the top-level columns to read, in the order wanted (exact match); pass NULL to read
/// all in file order, and a count of 0 with a non-NULL pointer to read no column (batches then have only a length).
/// A name that the file lacks is MILLRACE_ARROW_INVALID, and the text lists the columns it has.
/// `options` may be NULL.
millrace_arrow_status millrace_arrow_reader_open(
    const char *path, const char *const *columns, int32_t column_count, const millrace_arrow_read_options *options,
    millrace_arrow_reader **out);

/// Exports the schema of the batches: a struct ("+s") with one child per column read. Arrow's types as Arrow reads them:
/// text is "u" (or "U"/"vu" when the writer stored such an Arrow schema), timestamps "tsm:"/"tsu:"/"tsn:" with or without "UTC",
/// decimals "d:p,s", dates "tdD", times "ttm"/"ttu"/"ttn".
millrace_arrow_status millrace_arrow_reader_schema(millrace_arrow_reader *reader, struct ArrowSchema *out);

/// Reads the next batch into `out`, a struct array; MILLRACE_ARROW_END when there is none.
millrace_arrow_status millrace_arrow_reader_next(millrace_arrow_reader *reader, struct ArrowArray *out);

/// Rows in the whole file (not reduced by first_row).
int64_t millrace_arrow_reader_rows(millrace_arrow_reader *reader);
/// Row groups in the whole file.
int32_t millrace_arrow_reader_row_groups(millrace_arrow_reader *reader);
/// The footer's value for `key`, or NULL.
const char *millrace_arrow_reader_metadata(millrace_arrow_reader *reader, const char *key);
/// Closes the file and frees the handle. Batches handed out stay valid. NULL is allowed.
void millrace_arrow_reader_close(millrace_arrow_reader *reader);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
