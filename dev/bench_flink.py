"""`make bench-flink`: the Nexmark queries on Apache Flink, then in Millrace, over the same events, results compared by their hashes.

Flink runs as a cluster of one JobManager and one TaskManager on this machine. jvm/nexmark-flink makes the same events by the same functions
of their numbers (its EventsTest is run first), hashes the results in the same way, and hands the SQL text of Benchmarks/nexmark to Flink.
CPU is that of the TaskManager's process from submission to end, garbage collection and compilation included; the JVM is warmed by one q0.

Flink's jars come from PyPI through the pip of `make setup`'s environment, pinned below, into the per-user cache (about 330 MB); a JDK 17 or
newer must be on the PATH. Prints one JSON object per line and query for each engine, as bench_nexmark.py does, then a table.
"""

import hashlib
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

import bench_nexmark as nexmark

ROOT = nexmark.ROOT
CACHE = Path(os.environ.get("MILLRACE_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "millrace").expanduser()
VERSION = "2.3.0"
WHEEL = "apache-flink-libraries"
SHA256 = "38ece876553286b3a285cf344c2d2038f8a7ca10da5df54d5107250386d64151"
HEAP_MB = int(os.environ.get("FLINK_HEAP_MB") or 6144)

# Flink cannot run q6 as a stream: OVER does not take updates there. Its batch mode can.
BATCH = {"q6"}

# Here Flink 2.3's planner takes the ranking for one that never changes its rows, and its sinks get no retractions (see EXPLAIN
# CHANGELOG_MODE): the last row of a key is the one that counts.
FOLDED = {"q9": "id"}

# What Flink's own configuration asks of a JDK from 17 on.
JAVA_OPTIONS = [
    f"--add-exports={package}=ALL-UNNAMED"
    for package in [
        "java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5", "jdk.compiler/com.sun.tools.javac.api",
        "jdk.compiler/com.sun.tools.javac.file", "jdk.compiler/com.sun.tools.javac.parser", "jdk.compiler/com.sun.tools.javac.tree",
        "jdk.compiler/com.sun.tools.javac.util",
    ]
] + [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in [
        "java.lang", "java.lang.reflect", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.text", "java.time", "java.util",
        "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks",
    ]
]  # fmt: skip


def stop(text):
    sys.exit(f"bench: {text}")


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def digest(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def flink_jars():
    """The folder of Flink's jars, obtained if it is not there."""
    home = CACHE / f"flink-{VERSION}"
    marker = home / ".complete"
    if marker.exists() and marker.read_text() == SHA256:
        return home / "lib"
    python = CACHE / "venv" / "bin" / "python"
    if not python.exists():
        stop("there is no Python environment in the cache; run `make setup` first")
    say(f"downloading {WHEEL} {VERSION} (330 MB)")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=home) as partial:
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", partial]
        done = subprocess.run(command + [f"{WHEEL}=={VERSION}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wheels = list(Path(partial).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            stop(f"{WHEEL} {VERSION} could not be downloaded:\n{done.stdout.strip()}\nCheck the network and `pip config list`.")
        found = digest(wheels[0])
        if found != SHA256:
            stop(f"{wheels[0].name} is not the file that was pinned: wanted sha256 {SHA256}, got {found}")
        with zipfile.ZipFile(wheels[0]) as archive:
            for member in archive.namelist():
                target = None
                if re.fullmatch(r"pyflink/lib/[^/]+\.jar", member):
                    target = home / "lib" / Path(member).name
                elif re.match(r"pyflink/licenses/|.*\.dist-info/licenses/", member) and not member.endswith("/"):
                    target = CACHE / "licenses" / "flink" / Path(member).name
                if target:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, open(target, "wb") as sink:
                        shutil.copyfileobj(source, sink, 1 << 20)
    marker.write_text(SHA256)
    return home / "lib"


def compile_runner(jars, work):
    """Compiles jvm/nexmark-flink and checks that its events are ours; returns the class path."""
    source = ROOT / "jvm" / "nexmark-flink"
    classes = work / "classes"
    if shutil.which("javac") is None or shutil.which("java") is None:
        stop("a JDK is needed (17 or newer). Debian and Ubuntu: apt install openjdk-17-jdk-headless")
    files = sorted(str(path) for path in (source / "src").rglob("*.java"))
    done = subprocess.run(
        ["javac", "--release", "17", "-nowarn", "-cp", f"{jars}/*", "-d", str(classes), *files],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        stop(f"jvm/nexmark-flink does not compile:\n{done.stdout}")
    shutil.copytree(source / "resources", classes, dirs_exist_ok=True)
    path = f"{classes}:{jars}/*"
    done = subprocess.run(
        ["java", "-cp", path, "millrace.nexmark.EventsTest"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        stop(f"the events of both engines differ:\n{done.stdout}")
    return path


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """A JobManager and a TaskManager, children of this process."""

    def __init__(self, path, work, slots):
        self.path, self.work, self.slots = path, work, slots
        self.rest, rpc = free_ports(2)
        self.conf = work / "conf"
        self.conf.mkdir(exist_ok=True)
        (self.conf / "config.yaml").write_text(
            "\n".join(
                f"{key}: {value}"
                for key, value in {
                    "jobmanager.rpc.address": "127.0.0.1", "jobmanager.rpc.port": rpc, "jobmanager.bind-host": "127.0.0.1",
                    "rest.address": "127.0.0.1", "rest.bind-address": "127.0.0.1", "rest.port": self.rest,
                    "taskmanager.bind-host": "127.0.0.1", "taskmanager.host": "127.0.0.1",
                    "taskmanager.numberOfTaskSlots": slots, "taskmanager.cpu.cores": slots,
                    "taskmanager.memory.task.heap.size": f"{HEAP_MB}m", "taskmanager.memory.task.off-heap.size": "64m",
                    "taskmanager.memory.framework.heap.size": "128m", "taskmanager.memory.framework.off-heap.size": "128m",
                    "taskmanager.memory.managed.size": "1024m", "taskmanager.memory.network.min": "256m",
                    "taskmanager.memory.network.max": "256m", "taskmanager.memory.jvm-metaspace.size": "256m",
                    "taskmanager.memory.jvm-overhead.min": "256m", "taskmanager.memory.jvm-overhead.max": "256m", "io.tmp.dirs": work / "tmp", "web.upload.dir": work / "tmp",
                    "cluster.evenly-spread-out-slots": "false",
                }.items()
            )
            + "\n"
        )  # fmt: skip
        (self.conf / "log4j2.properties").write_text(
            "rootLogger.level = WARN\nrootLogger.appenderRef.out.ref = Out\n"
            "appender.out.name = Out\nappender.out.type = CONSOLE\nappender.out.layout.type = PatternLayout\n"
            "appender.out.layout.pattern = %d %-5p %c - %m%n\n"
        )
        (work / "tmp").mkdir(exist_ok=True)
        self.manager = self.start("jobmanager", "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", ["-Xmx1g"])
        heap = HEAP_MB + 128
        options = [f"-Xms{heap}m", f"-Xmx{heap}m", "-XX:MaxDirectMemorySize=512m", "-XX:+UseG1GC"]
        self.worker = self.start("taskmanager", "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", options)
        try:
            self.await_slots()
        except BaseException:
            self.end()
            raise

    def await_slots(self):
        deadline = time.monotonic() + 90
        while True:
            for process, name in ((self.manager, "jobmanager"), (self.worker, "taskmanager")):
                if process.poll() is not None:
                    log = (self.work / f"{name}.log").read_text(errors="replace").strip().splitlines()
                    stop(f"Flink's {name} ended early:\n" + "\n".join(log[-15:]))
            try:
                if self.get("/overview")["slots-total"] >= self.slots:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                stop(f"Flink did not come up in 90 s; logs are in {self.work}")
            time.sleep(0.3)

    def java(self, options, main, *arguments):
        log = f"-Dlog4j.configurationFile={self.conf / 'log4j2.properties'}"
        return ["java", *options, log, *JAVA_OPTIONS, "-cp", self.path, main, *map(str, arguments)]

    def start(self, name, main, options):
        with open(self.work / f"{name}.log", "wb") as log:
            return subprocess.Popen(
                self.java(options, main, "--configDir", self.conf), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}{path}", timeout=10) as answer:
            return json.load(answer)

    def cpu(self):
        """User and system seconds of the TaskManager so far."""
        fields = Path(f"/proc/{self.worker.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def reset_peak(self):
        try:
            Path(f"/proc/{self.worker.pid}/clear_refs").write_text("5")
        except OSError:
            pass

    def peak_mb(self):
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.worker.pid}/status").read_text())
        return int(found[1]) // 1024

    def run(self, name, text, parallelism, timeout):
        """Runs statements; returns (None, wall s, CPU s, peak MB), or what went wrong."""
        place = self.work / name
        place.mkdir(exist_ok=True)
        (place / "job.sql").write_text(text)
        before = {job["jid"] for job in self.get("/jobs/overview")["jobs"]}
        self.reset_peak()
        begin = self.cpu()
        mode = "batch" if name in BATCH else "streaming"
        command = self.java(
            ["-Xmx1g"], "millrace.nexmark.RunQuery", place / "job.sql", self.rest, parallelism, mode
        )
        with open(place / "log", "wb") as log:
            try:
                done = subprocess.run(
                    command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=timeout
                ).returncode
            except subprocess.TimeoutExpired:
                return f"stopped after {timeout:.0f} s", 0, 0, 0
        cpu = self.cpu() - begin if self.worker.poll() is None else 0
        if done != 0:
            log = (place / "log").read_text(errors="replace").splitlines()
            causes = [text.strip() for text in log if "Exception" in text or "Error" in text]
            return " / ".join(causes[-2:])[:300] or f"exit code {done}", 0, 0, 0
        jobs = [job for job in self.get("/jobs/overview")["jobs"] if job["jid"] not in before]
        return None, sum(job["duration"] for job in jobs) / 1000, cpu, self.peak_mb()

    def end(self):
        for process in (self.worker, self.manager):
            if process.poll() is None:
                process.terminate()
        for process in (self.worker, self.manager):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def run_flink(name, options, cluster, work):
    """One query; returns the members of its line."""
    side = work / "side_input.csv"
    if not side.exists():
        nexmark.write_side_input(side)
    result = work / f"flink-result-{name}"
    shutil.rmtree(result, ignore_errors=True)
    variables = {
        "events": options.events, "rate": options.rate, "seed": options.seed, "splits": options.parallelism,
        "disorder": options.disorder, "side": side, "side_connector": "side-input", "result": result,
    }  # fmt: skip
    text = nexmark.script(name, variables)
    if name in FOLDED:
        text = text.replace("'connector' = 'hash'", f"'connector' = 'hash', 'fold.key' = '{FOLDED[name]}'")
    problem, wall, cpu, peak = cluster.run(name, text, options.parallelism, options.timeout)
    if problem:
        return {"query": name, "engine": "flink", "failed": problem}
    rows, found = nexmark.folded(result)
    return {
        "query": name, "engine": "flink", "events": options.events, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2),
        "us_cpu_per_event": round(cpu / max(1, options.events) * 1e6, 4), "peak_rss_mb": peak, "rows": rows, "hash": found,
        **({"mode": "batch"} if name in BATCH else {}),
    }  # fmt: skip


def run_all_on_flink(names, options, path, work):
    flink = {}
    cluster = Cluster(path, work, options.parallelism)
    try:
        run_flink("q0", options, cluster, work)
        for name in names:
            if cluster.worker.poll() is not None or cluster.manager.poll() is not None:
                cluster.end()
                cluster = Cluster(path, work, options.parallelism)
                run_flink("q0", options, cluster, work)
            flink[name] = run_flink(name, options, cluster, work)
            nexmark.line(**flink[name])
    finally:
        cluster.end()
    return flink


def flink_lines(options, names):
    """Flink's lines of an earlier run."""
    found = {}
    for text in options.flink_results.read_text().splitlines():
        if not text.startswith("{"):
            continue
        members = json.loads(text)
        if "machine" in members:
            for key in ("events", "rate", "seed", "parallelism", "disorder"):
                if members[key] != getattr(options, key):
                    stop(f"{options.flink_results} was run with {key} {members[key]}, not {getattr(options, key)}")
        elif members.get("engine") == "flink":
            found[members["query"]] = members
    missing = [name for name in names if name not in found]
    if missing:
        stop(f"{options.flink_results} has no line of Flink's for {', '.join(missing)}")
    return found


def compare(names, flink, ours):
    """Prints the table; returns the number of queries whose results differ."""
    print(f"{'query':6} {'Flink us':>9} {'Millrace us':>12} {'ratio':>7}  results")
    ratios, different = [], 0
    for name in names:
        theirs, mine = flink[name], ours[name]
        left = f"{theirs['us_cpu_per_event']:9.3f}" if "hash" in theirs else f"{'-':>9}"
        right = f"{mine['us_cpu_per_event']:12.3f}" if "hash" in mine else f"{'-':>12}"
        ratio, verdict = f"{'-':>7}", ""
        if "hash" in theirs and "hash" in mine:
            value = theirs["us_cpu_per_event"] / max(1e-6, mine["us_cpu_per_event"])
            ratio = f"{value:7.1f}"
            if name in nexmark.NOT_COMPARABLE:
                verdict = "not comparable: processing time"
            elif (theirs["rows"], theirs["hash"]) == (mine["rows"], mine["hash"]):
                verdict = f"equal ({mine['rows']} rows)"
                ratios.append(value)
            else:
                verdict = f"DIFFERENT: {theirs['rows']} and {mine['rows']} rows"
                different += 1
        else:
            verdict = "; ".join(
                f"{engine}: {found.get('skipped') or found.get('failed')}"
                for engine, found in (("Flink", theirs), ("Millrace", mine))
                if "hash" not in found
            )
        if name in BATCH:
            verdict += " (Flink in batch mode)"
        if name in FOLDED:
            verdict += f" (Flink's rows folded by {FOLDED[name]})"
        print(f"{name:6} {left} {right} {ratio}  {verdict}")
    if ratios:
        mean = math.exp(sum(math.log(value) for value in ratios) / len(ratios))
        print(f"geometric mean over the {len(ratios)} queries with equal results: {mean:.1f}")
    return different


def main():
    parser = nexmark.arguments(__doc__.splitlines()[0])
    parser.add_argument("--flink-results", type=Path, help="take Flink's lines from this output of an earlier run with the same settings")
    options = parser.parse_args()
    names = nexmark.chosen(options)
    work = nexmark.work_folder()
    earlier = flink_lines(options, names) if options.flink_results else None
    path = None if earlier else compile_runner(flink_jars(), work)
    flink_settings = (
        f"Flink {VERSION}, hashmap state, object reuse, no mini-batch, no checkpoints, one TaskManager, {options.parallelism} slots, "
        f"{HEAP_MB} MB task heap, G1, warmed by one q0; CPU of the TaskManager's process"
    )
    nexmark.settings(
        options, flink=flink_settings,
        millrace="release build, streaming, checkpoints every 5 s on disk, a process per query; CPU of the whole process",
    )  # fmt: skip
    flink, ours, failed = earlier or run_all_on_flink(names, options, path, work), {}, 0
    for name in names:
        shutil.rmtree(work / name, ignore_errors=True)
        ours[name] = {"engine": "millrace", **nexmark.run_millrace(name, options, work)}
        failed += "failed" in ours[name]
        nexmark.line(**ours[name])
    different = compare(names, flink, ours)
    if options.keep or failed or different:
        say(f"logs are in {work}")
    else:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if failed or different else 0)


if __name__ == "__main__":
    main()
