"""`make bench-nexmark`: the Nexmark queries in the release build, each in a process of its own.

Prints one JSON object per line: the settings, then per query
    query, events, wall_s, cpu_s, us_cpu_per_event, peak_rss_mb, state_mb, checkpoint_ms, checkpoints, rows, hash
of a streaming job with checkpoints on disk; or query and `skipped` (not supported yet) or `failed` with the reason. CPU is user and system
time of the whole process; state_mb and checkpoint_ms are those of the greatest and the slowest checkpoint. `hash` is the multiset hash of
the folded result (Sources/Engine/Connectors/Hash/RowHash.swift): equal hashes mean equal tables. At up to 1000 events per second of event
time no two share an instant, so every query has one answer; above, q6, q9 and q18 may choose among rows that tie. MILLRACE_BIN names another
binary. Only the standard library is used.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUERIES = [f"q{number}" for number in range(24)]
# Processing-time windows: what is in a row depends on when it was read. Only the sum of their counts is fixed.
NOT_COMPARABLE = {"q12"}


def arguments(description):
    def env(name, standard):
        return os.environ.get(name) or standard

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--events", type=int, default=int(env("EVENTS", "10000000")), help="events to read ($EVENTS; %(default)s)")
    parser.add_argument("--rate", type=int, default=int(env("RATE", "1000")), help="events per second of event time ($RATE; %(default)s)")
    parser.add_argument("--seed", type=int, default=int(env("SEED", "42")), help="of the events ($SEED; %(default)s)")
    parser.add_argument("--parallelism", type=int, default=int(env("PARALLELISM", "1")), help="partitions ($PARALLELISM; %(default)s)")
    parser.add_argument("--disorder", default=env("DISORDER", "0 ms"), help="events out of order by at most this ($DISORDER; %(default)s)")
    parser.add_argument("--queries", default=env("QUERIES", ",".join(QUERIES)), help="separated by commas ($QUERIES; all)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for one query (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the work folder with logs and checkpoints behind")
    return parser


def chosen(options):
    names = [name.strip() for name in options.queries.split(",") if name.strip()]
    unknown = [name for name in names if name not in QUERIES]
    if unknown:
        sys.exit(f"bench: there is no query {unknown[0]}; queries: {', '.join(QUERIES)}")
    return names


def line(**members):
    print(json.dumps(members, separators=(",", ":")), flush=True)


def machine():
    name = "unknown"
    try:
        name = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        pass
    return {"machine": name, "cores": os.cpu_count(), "system": platform.platform(), "load_1_min": round(os.getloadavg()[0], 2)}


def work_folder():
    base = ROOT / ".build" / "nexmark"
    base.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="run-", dir=base))


def write_side_input(path):
    """The bounded table of q13: three of four keys below 10,000, as `millrace generate nexmark` writes it."""
    rows = (f"{key},value-{key * 7919 % 10007}\n" for key in range(10000) if key % 4 != 3)
    path.write_text("".join(rows))


def script(name, variables):
    """The SQL text of a query with its variables filled in."""
    folder = ROOT / "Benchmarks" / "nexmark"
    text = (folder / "tables.sql").read_text() + "\n" + (folder / "queries" / f"{name}.sql").read_text()
    return re.sub(r"\$\{(\w+)\}", lambda found: str(variables[found[1]]), text)


def folded(result):
    """Rows and hash of all parts that the sinks wrote into a folder."""
    lanes, rows = [0, 0], 0
    for part in sorted(result.glob("part-*.json")):
        found = json.loads(part.read_text())
        rows += found["rows"]
        for lane in range(2):
            lanes[lane] = (lanes[lane] + int(found["hash"][16 * lane : 16 * lane + 16], 16)) % (1 << 64)
    return rows, "".join(f"{lane:016x}" for lane in lanes)


def run_process(command, log, timeout):
    """Runs a command in a fresh process; returns (exit code or None after a timeout, wall s, CPU s, peak RSS in MB)."""
    begin = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    deadline = begin + timeout
    expired = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline and not expired:
            expired = True
            process.kill()
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begin
    return (None if expired else process.returncode), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def reason(log):
    lines = [text for text in Path(log).read_text(errors="replace").splitlines() if text.strip()]
    for text in lines:
        if "not supported yet" in text:
            return "skipped", text.strip()[:300]
    return "failed", " / ".join(lines[:3])[:300] or "no output"


def run_millrace(name, options, work):
    """One query; returns the members of its line."""
    place = work / name
    place.mkdir()
    side = work / "side_input.csv"
    if not side.exists():
        write_side_input(side)
    variables = {
        "events": options.events, "rate": options.rate, "seed": options.seed, "splits": options.parallelism,
        "disorder": options.disorder, "side": side, "side_connector": "filesystem", "result": place / "result",
    }  # fmt: skip
    (place / "job.sql").write_text(script(name, variables))
    command = [
        os.environ.get("MILLRACE_BIN") or str(ROOT / ".build" / "release" / "millrace"), "run", str(place / "job.sql"),
        "--report", str(place / "report.json"),
        "--checkpoint-dir", str(place / "checkpoints"), "--checkpoint-interval", "5 s", "--parallelism", str(options.parallelism),
    ]  # fmt: skip
    code, wall, cpu, rss = run_process(command, place / "log", options.timeout)
    if code is None:
        return {"query": name, "failed": f"stopped after {options.timeout:.0f} s"}
    if code != 0:
        kind, text = reason(place / "log")
        return {"query": name, kind: text}
    report = json.loads((place / "report.json").read_text().splitlines()[-1])
    rows, found = folded(place / "result")
    result = {
        "query": name, "events": options.events, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2),
        "us_cpu_per_event": round(cpu / max(1, options.events) * 1e6, 4), "peak_rss_mb": round(rss),
        "state_mb": round(report["state_bytes_max"] / 1e6, 2), "checkpoint_ms": report["checkpoint_ms_max"],
        "checkpoints": report["checkpoints"], "rows": rows, "hash": found,
    }  # fmt: skip
    if report["late_rows"]:
        result["late_rows"] = report["late_rows"]
    if not options.keep:
        shutil.rmtree(place)
    return result


def settings(options, **more):
    line(**machine(), events=options.events, rate=options.rate, seed=options.seed, parallelism=options.parallelism,
         disorder=options.disorder, **more)  # fmt: skip


def main():
    options = arguments(__doc__.splitlines()[0]).parse_args()
    names = chosen(options)
    settings(options, engine="millrace, release build, streaming, checkpoints every 5 s on disk, a process per query, hash sink")
    work = work_folder()
    failed = 0
    try:
        for name in names:
            result = run_millrace(name, options, work)
            failed += "failed" in result
            line(**result)
    finally:
        if options.keep or failed:
            print(f"bench: logs are in {work}", file=sys.stderr)
        else:
            shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
