"""Turns the chitchat-dataset wheel into two event streams: python -m millrace_chat.convert --help

messages: message_id, conversation_id, message_index, sender, text, sent_at
ratings:  conversation_id, sender, witty, interesting, upbeat, rated_at

A rating is given at a conversation's end, to the conversation; the data set has no time for it, so it is stamped 60 s after
the conversation's last message. It becomes one row per participant, so that what is known about a sender can be asked for
by sender. Nothing else is computed here: whether a message was answered, means, counts and lengths are for SQL.

The order is (time, conversation, place in the conversation), and message_id counts along it from 1: times are whole seconds
with many ties, and a stated order makes results repeatable. Only the standard library is used.
"""

import argparse
import bisect
import hashlib
import json
import os
import random
import shutil
import sys
import zipfile
import zlib
from datetime import datetime, timedelta

MEMBER = "chitchat_dataset/dataset.json"
SHA256 = "7bf89f36645e2d5ec87d53370c8e851b5a688479c7beb7079cb4c87fc5acea3e"
RATING_DELAY = timedelta(seconds=60)
SCALES = ("witty", "interesting", "upbeat")
# What the data set is known to hold; anything else means that it was misread.
EXPECTED = {"messages": 258145, "conversations": 7168, "rated conversations": 5988, "rated 2.5 or lower": 409, "senders": 1315}


class Problem(Exception):
    """What failed and what to do about it."""


def stamp(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def read(wheel):
    """(messages, ratings), each a list of (time, row) in order."""
    try:
        with open(wheel, "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() != SHA256:
                raise Problem(f"{wheel} is not chitchat-dataset 0.9.0 as pinned; run `make setup` to fetch it again")
        with zipfile.ZipFile(wheel) as archive:
            conversations = json.loads(archive.read(MEMBER))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise Problem(f"{wheel} cannot be read ({error}); run `make setup` to fetch it") from None

    messages, ratings, low = [], [], 0
    for conversation, content in conversations.items():
        said = [message for turn in content["messages"] for message in turn]
        times = [datetime.strptime(message["timestamp"], "%Y-%m-%dT%H:%M:%SZ") for message in said]
        for index, (time, message) in enumerate(zip(times, said)):
            messages.append((time, conversation, index, message["sender"], message["text"]))
        given = content.get("ratings")
        if given and said:
            numbers = {scale: number(given[scale]) for scale in SCALES}
            low += sum(numbers.values()) <= 2.5 * len(SCALES)
            for sender in sorted({message["sender"] for message in said}):
                ratings.append((max(times) + RATING_DELAY, conversation, sender, numbers))
    messages.sort(key=lambda message: message[:3])
    ratings.sort(key=lambda rating: rating[:3])
    found = {
        "messages": len(messages),
        "conversations": len({message[1] for message in messages}),
        "rated conversations": len({rating[1] for rating in ratings}),
        "rated 2.5 or lower": low,
        "senders": len({message[3] for message in messages}),
    }
    if found != EXPECTED:
        raise Problem(f"{wheel} holds {found}, wanted {EXPECTED}")
    return (
        [
            (
                time,
                {
                    "message_id": position, "conversation_id": conversation, "message_index": index,
                    "sender": sender, "text": text, "sent_at": stamp(time),
                },
            )
            for position, (time, conversation, index, sender, text) in enumerate(messages, 1)
        ],
        [
            (time, {"conversation_id": conversation, "sender": sender, **numbers, "rated_at": stamp(time)})
            for time, conversation, sender, numbers in ratings
        ],
    )  # fmt: skip


def number(raw):
    value = float(raw)
    return int(value) if value.is_integer() else value


def disordered(events, partitions, seconds, seed):
    """Per partition, the events as they might arrive: each up to (never quite) `seconds` late, conversations kept together.

    So an event is at most that much older than the newest one before it, and a watermark with that delay calls none late.
    """
    chance = random.Random(seed)
    arrivals = [[] for _ in range(partitions)]
    for place, (time, row) in enumerate(events):
        delay = timedelta(microseconds=int(chance.random() * seconds * 1_000_000))
        arrivals[zlib.crc32(row["conversation_id"].encode()) % partitions].append((time + delay, place, time, row))
    return [[(time, row) for _, _, time, row in sorted(part, key=lambda arrival: arrival[:2])] for part in arrivals]


def write(path, events):
    """Writes JSON lines; the file is whole or not there."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = f"{path}.partial"
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    with open(partial, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(encode(row) + "\n" for _, row in events)
    os.replace(partial, path)


def convert(options):
    messages, ratings = read(options.wheel)
    if options.split is None:
        write(os.path.join(options.out, "messages.jsonl"), messages)
        write(os.path.join(options.out, "ratings.jsonl"), ratings)
        return {"messages": len(messages), "ratings": len(ratings)}
    split = messages[int(options.split * len(messages))][0]
    history, live = os.path.join(options.out, "history"), os.path.join(options.out, "live")
    shutil.rmtree(live, ignore_errors=True)  # another number of partitions must not leave files of the last run
    counts = {}
    for name, events in (("messages", messages), ("ratings", ratings)):
        cut = bisect.bisect_left(events, split, key=lambda event: event[0])
        write(os.path.join(history, f"{name}.jsonl"), events[:cut])
        for partition, part in enumerate(disordered(events[cut:], options.partitions, options.disorder_seconds, options.seed)):
            write(os.path.join(live, name, f"{partition}.jsonl"), part)
        counts[f"history_{name}"], counts[f"live_{name}"] = cut, len(events) - cut
    return {"split_at": stamp(split), **counts}


def main():
    parser = argparse.ArgumentParser(prog="python -m millrace_chat.convert", description="Turn the chitchat-dataset wheel into JSON lines.")
    parser.add_argument("--wheel", required=True, metavar="FILE", help="chitchat_dataset-0.9.0-py3-none-any.whl")
    parser.add_argument("--out", required=True, metavar="DIR", help="writes messages.jsonl and ratings.jsonl here")
    parser.add_argument("--split", type=float, metavar="F", help="split at the time of the message at this share: history/*.jsonl before, live/*/0.jsonl and so on from then")
    parser.add_argument("--partitions", type=int, default=1, metavar="N", help="files per live stream")
    parser.add_argument("--disorder-seconds", type=float, default=0, metavar="S", help="live events arrive up to this much late")
    parser.add_argument("--seed", type=int, default=1, help="decides the disorder")
    options = parser.parse_args()
    try:
        if options.split is not None and not 0 < options.split < 1:
            raise Problem(f"--split is {options.split}, wanted between 0 and 1")
        if options.partitions < 1 or options.disorder_seconds < 0:
            raise Problem("--partitions must be at least 1 and --disorder-seconds not negative")
        print(json.dumps(convert(options)))
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"error: {error.filename or options.out} cannot be written: {error.strerror}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
