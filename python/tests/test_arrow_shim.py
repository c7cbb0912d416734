"""The Arrow shim's C ABI against pyarrow: what one writes the other reads, and damage is an error."""

import ctypes
import os
import random
import sys
import tempfile
import unittest

import pyarrow as pa
import pyarrow.parquet as pq

CACHE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(sys.executable))))
OK, END, INVALID, IO, CORRUPT = 0, 1, -1, -2, -3


class WriteOptions(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in ("struct_bytes", "compression", "compression_level", "sync")]
    _fields_ += [("row_group_rows", ctypes.c_int64), ("write_arrow_schema", ctypes.c_int32), ("reserved", ctypes.c_int32)]


class ReadOptions(ctypes.Structure):
    _fields_ = [("struct_bytes", ctypes.c_int32), ("reserved", ctypes.c_int32), ("batch_rows", ctypes.c_int64), ("first_row", ctypes.c_int64)]


class Interchange(ctypes.Structure):
    """Room for an ArrowSchema or an ArrowArray."""

    _fields_ = [("words", ctypes.c_uint64 * 12)]


def table(rows):
    return pa.table(
        {
            "i": pa.array(range(rows), pa.int64()),
            "s": pa.array([None if k % 7 == 0 else f"t{k % 100}é" for k in range(rows)]),
            "at": pa.array([k * 1000 for k in range(rows)], pa.timestamp("us", "UTC")),
            "st": pa.array([{"a": k, "b": [k, k + 1]} for k in range(rows)]),
        }
    )


class ArrowShimTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shim = ctypes.CDLL(os.environ.get("MILLRACE_ARROW") or os.path.join(CACHE, "lib", "libmillrace_arrow.so"))
        cls.shim.millrace_arrow_last_error.restype = ctypes.c_char_p

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.file = os.path.join(scratch.name, "f.parquet")

    def error(self):
        return self.shim.millrace_arrow_last_error().decode()

    def write(self, path, data, row_group_rows=500):
        schema, writer = Interchange(), ctypes.c_void_p()
        data.schema._export_to_c(ctypes.addressof(schema))
        options = WriteOptions(ctypes.sizeof(WriteOptions), 2, 3, 1, row_group_rows, 0, 0)
        code = self.shim.millrace_arrow_writer_open(path.encode(), ctypes.byref(schema), ctypes.byref(options), ctypes.byref(writer))
        if code != OK:
            return code
        for batch in data.to_batches(max_chunksize=333):
            array = Interchange()
            batch._export_to_c(ctypes.addressof(array))
            code = self.shim.millrace_arrow_writer_write(writer, ctypes.byref(array))
            if code != OK:
                self.shim.millrace_arrow_writer_abort(writer)
                return code
        return self.shim.millrace_arrow_writer_close(writer, None, None)

    def read(self, path, columns=None, batch_rows=0, first_row=0):
        """(code, table or None)"""
        reader, schema = ctypes.c_void_p(), Interchange()
        names = None if columns is None else (ctypes.c_char_p * max(1, len(columns)))(*[name.encode() for name in columns])
        options = ReadOptions(ctypes.sizeof(ReadOptions), 0, batch_rows, first_row)
        code = self.shim.millrace_arrow_reader_open(path.encode(), names, len(columns or []), ctypes.byref(options), ctypes.byref(reader))
        if code != OK:
            return code, None
        self.assertEqual(self.shim.millrace_arrow_reader_schema(reader, ctypes.byref(schema)), OK)
        read_schema, batches = pa.Schema._import_from_c(ctypes.addressof(schema)), []
        while True:
            array = Interchange()
            code = self.shim.millrace_arrow_reader_next(reader, ctypes.byref(array))
            if code != OK:
                break
            batches.append(pa.RecordBatch._import_from_c(ctypes.addressof(array), read_schema))
        self.shim.millrace_arrow_reader_close(reader)
        return code, pa.Table.from_batches(batches, read_schema)

    def test_what_it_writes_pyarrow_reads(self):
        data = table(2000)
        self.assertEqual(self.write(self.file, data), OK)
        back = pq.read_table(self.file)
        self.assertTrue(back.equals(data.cast(back.schema)))
        self.assertEqual(pq.read_metadata(self.file).num_row_groups, 4)

    def test_reading_some_columns_from_any_row(self):
        data = table(2000)
        self.write(self.file, data)
        for first in (0, 1, 499, 500, 1234, 1999, 2000, 5000):
            code, back = self.read(self.file, ["st", "i"], batch_rows=77, first_row=first)
            self.assertEqual(code, END)
            self.assertEqual(back.to_pylist(), data.select(["st", "i"]).slice(first).to_pylist(), f"first_row {first}")
        self.assertEqual(len(self.read(self.file, [], batch_rows=100, first_row=5)[1]), 1995)
        self.assertEqual(self.read(self.file, ["j"])[0], INVALID)
        self.assertIn("has no column 'j'; it has: i, s, at, st", self.error())

    def test_damage_is_an_error_or_changes_nothing(self):
        data = table(2000)
        self.write(self.file, data)
        whole = open_bytes(self.file)
        wanted = pq.read_table(self.file).to_pylist()
        refused = 0
        for seed in range(60):
            chance = random.Random(seed)
            damaged = bytearray(whole)
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            if seed % 6 == 0:
                damaged = damaged[: chance.randrange(len(damaged))]
            with open(self.file, "wb") as file:
                file.write(damaged)
            code, back = self.read(self.file)
            self.assertIn(code, (END, INVALID, IO, CORRUPT), f"seed {seed}")
            refused += code != END
        self.assertGreater(refused, 30)
        with open(self.file, "wb") as file:
            file.write(whole)
        self.assertEqual(self.read(self.file)[1].to_pylist(), wanted)

    def test_a_failed_write_leaves_nothing(self):
        self.assertEqual(self.write("/nonexistent/f.parquet", table(10)), IO)
        self.assertIn("No such file or directory", self.error())
        if os.path.exists("/dev/full"):
            self.assertEqual(self.write("/dev/full", table(10)), IO)
            self.assertIn("No space left on device", self.error())
            self.assertTrue(os.path.exists("/dev/full"))  # only files are removed


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    unittest.main()
