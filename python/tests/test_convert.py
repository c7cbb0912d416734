"""The chat converter on its real input."""

import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest
from datetime import datetime, timedelta

CACHE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(sys.executable))))


def rows(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def instant(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.000Z")


class ConvertTests(unittest.TestCase):
    def convert(self, folder, *more):
        wheel = glob.glob(os.path.join(CACHE, "data", "chitchat_dataset-*.whl"))[0]
        command = [sys.executable, "-m", "millrace_chat.convert", "--wheel", wheel, "--out", folder, *more]
        return subprocess.run(command, capture_output=True, text=True)

    def test_split_and_disorder(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.convert(folder, "--split", "0.7", "--partitions", "2", "--disorder-seconds", "5", "--seed", "1")
            self.assertEqual(done.returncode, 0, done.stderr)
            counts = json.loads(done.stdout)
            self.assertEqual(counts["history_messages"] + counts["live_messages"], 258145)
            history = rows(f"{folder}/history/messages.jsonl")
            parts = [rows(f"{folder}/live/messages/{part}.jsonl") for part in (0, 1)]
            self.assertEqual(sorted(row["message_id"] for some in (history, *parts) for row in some), list(range(1, 258146)))
            self.assertTrue(all(row["sent_at"] < counts["split_at"] for row in history))
            self.assertTrue(all(row["sent_at"] >= counts["split_at"] for part in parts for row in part))
            self.assertFalse({row["conversation_id"] for row in parts[0]} & {row["conversation_id"] for row in parts[1]})
            for part in parts:
                newest, late = datetime.min, []
                for row in part:
                    newest = max(newest, instant(row["sent_at"]))
                    late.append(newest - instant(row["sent_at"]))
                self.assertGreater(max(late), timedelta(seconds=1))
                self.assertLess(max(late), timedelta(seconds=5))
            # A rating comes a minute after its conversation's last message.
            last = {}
            for row in history + parts[0] + parts[1]:
                last[row["conversation_id"]] = max(last.get(row["conversation_id"], ""), row["sent_at"])
            ratings = rows(f"{folder}/history/ratings.jsonl") + rows(f"{folder}/live/ratings/0.jsonl") + rows(f"{folder}/live/ratings/1.jsonl")
            self.assertEqual(len({row["conversation_id"] for row in ratings}), 5988)
            for row in ratings:
                self.assertEqual(instant(row["rated_at"]), instant(last[row["conversation_id"]]) + timedelta(seconds=60))

    def test_another_file_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "millrace_chat.convert", "--wheel", __file__, "--out", folder]
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("is not chitchat-dataset 0.9.0 as pinned", done.stderr)


if __name__ == "__main__":
    unittest.main()
