// Parquet through Arrow C++ behind the C ABI of millrace_arrow.h.
#include "millrace_arrow.h"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/file.h>
#include <arrow/util/config.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/properties.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace {

thread_local std::string last_error;

millrace_arrow_status fail(millrace_arrow_status code, std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  last_error = std::move(text);
  return code;
}

// A caller's mistake that is found inside code that otherwise speaks in arrow::Status.
struct Mistake {
  std::string text;
};

millrace_arrow_status code_of(const arrow::Status &status) {
  if (status.IsIOError()) return MILLRACE_ARROW_IO;
  if (status.IsOutOfMemory()) return MILLRACE_ARROW_MEMORY;
  if (status.IsNotImplemented()) return MILLRACE_ARROW_UNSUPPORTED;
  if (status.IsInvalid() || status.IsTypeError() || status.IsKeyError()) return MILLRACE_ARROW_INVALID;
  return MILLRACE_ARROW_OTHER;
}

/// Arrow keeps the system's own words ("No space left on device") apart from the message.
std::string words(const arrow::Status &status) {
  return status.detail() == nullptr ? status.message() : status.message() + " " + status.detail()->ToString();
}

millrace_arrow_status fail(const arrow::Status &status) { return fail(code_of(status), words(status)); }

/// Runs `body`, which returns a status, and turns whatever it throws into one.
template <typename Body>
millrace_arrow_status guarded(Body &&body) noexcept {
  try {
    try {
      return body();
    } catch (const Mistake &mistake) {
      return fail(MILLRACE_ARROW_INVALID, mistake.text);
    } catch (const std::bad_alloc &) {
      return fail(MILLRACE_ARROW_MEMORY, "out of memory");
    } catch (const parquet::ParquetStatusException &error) {
      return fail(error.status());
    } catch (const parquet::ParquetException &error) {
      return fail(MILLRACE_ARROW_CORRUPT, error.what());
    } catch (const std::exception &error) {
      return fail(MILLRACE_ARROW_OTHER, error.what());
    } catch (...) {
      return fail(MILLRACE_ARROW_OTHER, "unknown C++ exception");
    }
  } catch (...) {  // the text itself could not be allocated
    return MILLRACE_ARROW_MEMORY;
  }
}

// Arrow reports damage inside a file as Invalid or IOError as well as by exceptions; while decoding, all but a failing
// system call and a lack of memory mean that the file is bad.
millrace_arrow_status fail_reading(const arrow::Status &status, const std::string &path) {
  millrace_arrow_status code = code_of(status);
  bool from_system = status.IsIOError() && status.detail() != nullptr;
  if (!from_system && code != MILLRACE_ARROW_MEMORY && code != MILLRACE_ARROW_UNSUPPORTED) code = MILLRACE_ARROW_CORRUPT;
  return fail(code, path + ": " + words(status));
}

arrow::Compression::type compression_of(int32_t code) {
  switch (code) {
    case MILLRACE_ARROW_COMPRESSION_NONE: return arrow::Compression::UNCOMPRESSED;
    case MILLRACE_ARROW_COMPRESSION_SNAPPY: return arrow::Compression::SNAPPY;
    case MILLRACE_ARROW_COMPRESSION_ZSTD: return arrow::Compression::ZSTD;
    case MILLRACE_ARROW_COMPRESSION_GZIP: return arrow::Compression::GZIP;
    case MILLRACE_ARROW_COMPRESSION_LZ4: return arrow::Compression::LZ4;
    default: throw Mistake{"unknown compression code " + std::to_string(code)};
  }
}

/// Keeps a consumed schema or array from leaking when it is refused before Arrow has taken it.
template <typename Struct>
struct Consumed {
  Struct *value;
  explicit Consumed(Struct *value) : value(value) {}
  Consumed(const Consumed &) = delete;
  ~Consumed() {
    if (value != nullptr && value->release != nullptr) value->release(value);
  }
};

void sync_file(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  int failure = descriptor < 0 ? errno : (::fsync(descriptor) != 0 ? errno : 0);
  if (descriptor >= 0) ::close(descriptor);
  if (failure != 0) throw parquet::ParquetStatusException(arrow::Status::IOError("fsync of ", path, ": ", std::strerror(failure)));
}

/// Removes an unfinished file, unless the path is a device or a pipe.
void remove_file(const std::string &path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) ::unlink(path.c_str());
}

std::string joined(const std::vector<std::string> &names) {
  std::string text;
  for (const auto &name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

struct millrace_arrow_writer {
  std::string path;
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::io::FileOutputStream> file;
  std::unique_ptr<parquet::arrow::FileWriter> parquet;
  std::vector<std::pair<std::string, std::string>> metadata;
  int64_t rows = 0;
  bool sync = false;
  bool broken = false;
};

struct millrace_arrow_reader {
  std::string path;
  std::unique_ptr<parquet::arrow::FileReader> parquet;
  std::shared_ptr<arrow::Schema> schema;     // of the batches handed out
  std::vector<int> order;                    // position in Arrow's batches of each column handed out
  std::unique_ptr<arrow::RecordBatchReader> batches;
  std::shared_ptr<const arrow::KeyValueMetadata> metadata;
  int64_t rows = 0;
  int64_t skip = 0;       // rows still to drop from the front of the first row group
  int64_t bare_rows = -1; // rows left when no column is read, else -1
  int64_t batch_rows = 0;
};

extern "C" {

int32_t millrace_arrow_abi_version(void) { return MILLRACE_ARROW_ABI; }
const char *millrace_arrow_library_version(void) { return ARROW_VERSION_STRING; }
const char *millrace_arrow_last_error(void) { return last_error.c_str(); }

millrace_arrow_status millrace_arrow_writer_open(
    const char *path, struct ArrowSchema *schema, const millrace_arrow_write_options *given, millrace_arrow_writer **out) {
  return guarded([&]() -> millrace_arrow_status {
    Consumed<ArrowSchema> consumed(schema);
    if (path == nullptr || schema == nullptr || out == nullptr) throw Mistake{"path, schema and out must not be NULL"};
    *out = nullptr;
    millrace_arrow_write_options options = {};
    options.compression = MILLRACE_ARROW_COMPRESSION_ZSTD;
    if (given != nullptr) {
      if (given->struct_bytes != static_cast<int32_t>(sizeof options)) throw Mistake{"write options of another size: rebuild the shim (make setup)"};
      options = *given;
    }
    auto writer = std::make_unique<millrace_arrow_writer>();
    writer->path = path;
    writer->sync = options.sync != 0;
    PARQUET_ASSIGN_OR_THROW(writer->schema, arrow::ImportSchema(schema));

    parquet::WriterProperties::Builder properties;
    auto compression = compression_of(options.compression);
    properties.compression(compression);
    if (compression == arrow::Compression::ZSTD) {
      properties.compression_level(options.compression_level == 0 ? 1 : options.compression_level);
    } else if (compression == arrow::Compression::GZIP && options.compression_level != 0) {
      properties.compression_level(options.compression_level);
    }
    properties.max_row_group_length(options.row_group_rows > 0 ? options.row_group_rows : 131072);
    properties.enable_page_checksum();
    properties.created_by("Millrace on Arrow C++ " ARROW_VERSION_STRING);
    parquet::ArrowWriterProperties::Builder arrow_properties;
    if (options.write_arrow_schema != 0) arrow_properties.store_schema();
    arrow_properties.set_use_threads(false);

    auto file = arrow::io::FileOutputStream::Open(writer->path);
    if (!file.ok()) return fail(file.status());
    writer->file = *file;
    auto opened = parquet::arrow::FileWriter::Open(
        *writer->schema, arrow::default_memory_pool(), writer->file, properties.build(), arrow_properties.build());
    if (!opened.ok()) {
      (void)writer->file->Close();
      remove_file(writer->path);
      return fail(opened.status());
    }
    writer->parquet = std::move(*opened);
    *out = writer.release();
    return MILLRACE_ARROW_OK;
  });
}

millrace_arrow_status millrace_arrow_writer_metadata(millrace_arrow_writer *writer, const char *key, const char *value) {
  return guarded([&]() -> millrace_arrow_status {
    if (writer == nullptr || key == nullptr || value == nullptr) throw Mistake{"writer, key and value must not be NULL"};
    for (auto &pair : writer->metadata) {
      if (pair.first == key) {
        pair.second = value;
        return MILLRACE_ARROW_OK;
      }
    }
    writer->metadata.emplace_back(key, value);
    return MILLRACE_ARROW_OK;
  });
}

millrace_arrow_status millrace_arrow_writer_write(millrace_arrow_writer *writer, struct ArrowArray *array) {
  millrace_arrow_status result = guarded([&]() -> millrace_arrow_status {
    Consumed<ArrowArray> consumed(array);
    if (writer == nullptr || array == nullptr) throw Mistake{"writer and batch must not be NULL"};
    if (writer->broken) throw Mistake{"this writer has failed before and can only be aborted"};
    if (array->length == 0) return MILLRACE_ARROW_OK;
    auto batch = arrow::ImportRecordBatch(array, writer->schema);
    if (!batch.ok()) return fail(batch.status());
    auto valid = (*batch)->Validate();  // buffer sizes and child lengths; not the contents
    if (!valid.ok()) return fail(valid);
    auto written = writer->parquet->WriteRecordBatch(**batch);
    if (!written.ok()) return fail(written);
    writer->rows += (*batch)->num_rows();
    return MILLRACE_ARROW_OK;
  });
  if (result != MILLRACE_ARROW_OK && writer != nullptr) writer->broken = true;
  return result;
}

void millrace_arrow_writer_abort(millrace_arrow_writer *writer) {
  if (writer == nullptr) return;
  (void)guarded([&]() -> millrace_arrow_status {
    std::unique_ptr<millrace_arrow_writer> owned(writer);
    try {
      if (owned->file != nullptr) (void)owned->file->Close();  // first, so that the footer has nowhere to go
      owned->parquet.reset();
    } catch (...) {  // the file is removed below, whatever its writer thinks of that
    }
    remove_file(owned->path);
    return MILLRACE_ARROW_OK;
  });
}

millrace_arrow_status millrace_arrow_writer_close(millrace_arrow_writer *writer, int64_t *rows, int64_t *bytes) {
  millrace_arrow_status result = guarded([&]() -> millrace_arrow_status {
    if (writer == nullptr) throw Mistake{"writer must not be NULL"};
    if (writer->broken) throw Mistake{writer->path + " was not finished: an earlier write failed"};
    if (!writer->metadata.empty()) {
      std::vector<std::string> keys, values;
      for (auto &pair : writer->metadata) {
        keys.push_back(pair.first);
        values.push_back(pair.second);
      }
      auto added = writer->parquet->AddKeyValueMetadata(arrow::key_value_metadata(keys, values));
      if (!added.ok()) return fail(added);
    }
    auto closed = writer->parquet->Close();
    if (!closed.ok()) return fail(closed);
    closed = writer->file->Close();
    if (!closed.ok()) return fail(closed);
    if (writer->sync) sync_file(writer->path);
    struct stat status = {};
    if (bytes != nullptr) *bytes = ::stat(writer->path.c_str(), &status) == 0 ? static_cast<int64_t>(status.st_size) : 0;
    if (rows != nullptr) *rows = writer->rows;
    return MILLRACE_ARROW_OK;
  });
  if (result == MILLRACE_ARROW_OK) {
    (void)guarded([&]() -> millrace_arrow_status {
      delete writer;
      return MILLRACE_ARROW_OK;
    });
  } else {
    std::string text = last_error;
    millrace_arrow_writer_abort(writer);
    last_error = std::move(text);
  }
  return result;
}

millrace_arrow_status millrace_arrow_reader_open(
    const char *path, const char *const *columns, int32_t column_count, const millrace_arrow_read_options *given,
    millrace_arrow_reader **out) {
  return guarded([&]() -> millrace_arrow_status {
    if (path == nullptr || out == nullptr) throw Mistake{"path and out must not be NULL"};
    *out = nullptr;
    millrace_arrow_read_options options = {};
    if (given != nullptr) {
      if (given->struct_bytes != static_cast<int32_t>(sizeof options)) throw Mistake{"read options of another size: rebuild the shim (make setup)"};
      options = *given;
    }
    if (options.first_row < 0 || options.batch_rows < 0) throw Mistake{"first_row and batch_rows must not be negative"};
    auto reader = std::make_unique<millrace_arrow_reader>();
    reader->path = path;
    reader->batch_rows = options.batch_rows > 0 ? options.batch_rows : 8192;

    auto file = arrow::io::ReadableFile::Open(reader->path);
    if (!file.ok()) return fail(file.status());
    parquet::ArrowReaderProperties properties(/*use_threads=*/false);
    properties.set_batch_size(reader->batch_rows);
    properties.set_pre_buffer(false);
    parquet::arrow::FileReaderBuilder builder;
    parquet::ReaderProperties low_level;
    low_level.set_page_checksum_verification(true);
    auto status = builder.Open(*file, low_level);
    if (!status.ok()) return fail_reading(status, reader->path);
    status = builder.memory_pool(arrow::default_memory_pool())->properties(properties)->Build(&reader->parquet);
    if (!status.ok()) return fail_reading(status, reader->path);

    auto footer = reader->parquet->parquet_reader()->metadata();
    reader->rows = footer->num_rows();
    reader->metadata = footer->key_value_metadata();
    std::shared_ptr<arrow::Schema> whole;
    status = reader->parquet->GetSchema(&whole);
    if (!status.ok()) return fail_reading(status, reader->path);

    // The wanted top-level fields, then the leaf columns that hold them, which is what Arrow asks for.
    std::vector<int> wanted;
    if (columns == nullptr) {
      for (int i = 0; i < whole->num_fields(); i++) wanted.push_back(i);
    } else {
      for (int32_t i = 0; i < column_count; i++) {
        std::string name = columns[i] == nullptr ? "" : columns[i];
        auto found = whole->GetAllFieldIndices(name);
        if (found.empty()) throw Mistake{reader->path + " has no column '" + name + "'; it has: " + joined(whole->field_names())};
        if (found.size() > 1) throw Mistake{reader->path + " has more than one column '" + name + "'"};
        wanted.push_back(found[0]);
      }
    }
    std::vector<int> fields = wanted;
    std::sort(fields.begin(), fields.end());
    fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
    std::vector<char> is_wanted(whole->num_fields(), 0);
    for (int field : fields) is_wanted[field] = 1;
    std::vector<int> leaves;
    const auto *leaf_schema = footer->schema();
    for (int leaf = 0; leaf < leaf_schema->num_columns(); leaf++) {
      int root = leaf_schema->group_node()->FieldIndex(*leaf_schema->GetColumnRoot(leaf));
      if (root >= 0 && root < whole->num_fields() && is_wanted[root]) leaves.push_back(leaf);
    }
    std::vector<std::shared_ptr<arrow::Field>> handed_out;
    for (int field : wanted) {
      reader->order.push_back(static_cast<int>(std::lower_bound(fields.begin(), fields.end(), field) - fields.begin()));
      handed_out.push_back(whole->field(field));
    }
    reader->schema = arrow::schema(std::move(handed_out));

    // Whole row groups before first_row are never touched; the rest is dropped from the first batches.
    std::vector<int> groups;
    int64_t skip = std::min(options.first_row, reader->rows);
    for (int group = 0; group < footer->num_row_groups(); group++) {
      int64_t rows = footer->RowGroup(group)->num_rows();
      if (groups.empty() && skip >= rows) {
        skip -= rows;
      } else {
        groups.push_back(group);
      }
    }
    reader->skip = groups.empty() ? 0 : skip;
    if (wanted.empty()) {
      reader->bare_rows = reader->rows - std::min(options.first_row, reader->rows);
    } else {
      auto batches = reader->parquet->GetRecordBatchReader(groups, leaves);
      if (!batches.ok()) return fail_reading(batches.status(), reader->path);
      reader->batches = std::move(*batches);
    }
    *out = reader.release();
    return MILLRACE_ARROW_OK;
  });
}

millrace_arrow_status millrace_arrow_reader_schema(millrace_arrow_reader *reader, struct ArrowSchema *out) {
  if (out != nullptr) std::memset(static_cast<void *>(out), 0, sizeof *out);
  return guarded([&]() -> millrace_arrow_status {
    if (reader == nullptr || out == nullptr) throw Mistake{"reader and out must not be NULL"};
    auto exported = arrow::ExportSchema(*reader->schema, out);
    return exported.ok() ? MILLRACE_ARROW_OK : fail(exported);
  });
}

millrace_arrow_status millrace_arrow_reader_next(millrace_arrow_reader *reader, struct ArrowArray *out) {
  if (out != nullptr) std::memset(static_cast<void *>(out), 0, sizeof *out);
  return guarded([&]() -> millrace_arrow_status {
    if (reader == nullptr || out == nullptr) throw Mistake{"reader and out must not be NULL"};
    std::shared_ptr<arrow::RecordBatch> batch;
    if (reader->bare_rows >= 0) {
      int64_t rows = std::min(reader->bare_rows, reader->batch_rows);
      if (rows == 0) return MILLRACE_ARROW_END;
      reader->bare_rows -= rows;
      batch = arrow::RecordBatch::Make(reader->schema, rows, std::vector<std::shared_ptr<arrow::Array>>{});
    } else {
      do {
        auto status = reader->batches->ReadNext(&batch);
        if (!status.ok()) return fail_reading(status, reader->path);
        if (batch == nullptr) return MILLRACE_ARROW_END;
        int64_t dropped = std::min(reader->skip, batch->num_rows());
        if (dropped > 0) batch = batch->Slice(dropped);
        reader->skip -= dropped;
      } while (batch->num_rows() == 0);
      std::vector<std::shared_ptr<arrow::Array>> arrays;
      for (int position : reader->order) arrays.push_back(batch->column(position));
      batch = arrow::RecordBatch::Make(reader->schema, batch->num_rows(), std::move(arrays));
    }
    auto exported = arrow::ExportRecordBatch(*batch, out);
    return exported.ok() ? MILLRACE_ARROW_OK : fail(exported);
  });
}

int64_t millrace_arrow_reader_rows(millrace_arrow_reader *reader) { return reader == nullptr ? 0 : reader->rows; }

int32_t millrace_arrow_reader_row_groups(millrace_arrow_reader *reader) {
  return reader == nullptr ? 0 : reader->parquet->num_row_groups();
}

const char *millrace_arrow_reader_metadata(millrace_arrow_reader *reader, const char *key) {
  const char *found = nullptr;
  (void)guarded([&]() -> millrace_arrow_status {
    if (reader == nullptr || key == nullptr || reader->metadata == nullptr) return MILLRACE_ARROW_OK;
    int position = reader->metadata->FindKey(key);
    if (position < 0) return MILLRACE_ARROW_OK;
    // Metadata is immutable and lives as long as the reader; value() returns a reference into it.
    found = reader->metadata->value(position).c_str();
    return MILLRACE_ARROW_OK;
  });
  return found;
}

void millrace_arrow_reader_close(millrace_arrow_reader *reader) {
  (void)guarded([&]() -> millrace_arrow_status {
    delete reader;
    return MILLRACE_ARROW_OK;
  });
}

}  // extern "C"
