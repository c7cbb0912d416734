# The one entry. Each target does whatever set-up it lacks; ARGS passes further options through, as in
#   make demo ARGS="--dir /tmp/demo"
#   make test ARGS="--filter Columns"
.PHONY: setup build demo test test-macros bench bench-nexmark bench-flink parity crash fuzz lint format docs
.DEFAULT_GOAL := build

export ORT_DISABLE_TELEMETRY := 1
export SWIFT_BACKTRACE ?= enable=no
SWIFT ?= swift

setup:
	@dev/setup

build: setup
	@$(SWIFT) build -c release --product millrace

demo: build
	@.build/release/millrace demo $(ARGS)

test: build
	@SWIFT="$(SWIFT)" dev/test $(ARGS)

# What @Row writes and refuses: a package of its own, which builds swift-syntax once more.
test-macros:
	@$(SWIFT) test --disable-xctest --package-path Tests/Macros $(ARGS)

# Live features against their backfill through kill -9 and restore; ARGS="--kill-all" kills in every configuration, ARGS="--verdicts"
# also trains the demo's models and checks that no scored verdict is lost, doubled or changed by twenty kills.
parity: build
	@dev/parity $(ARGS)

# Queries that keep state, each killed with SIGKILL twenty times at random instants; ARGS="--queries hop,join --kills 100" chooses.
crash: build
	@dev/crash $(ARGS)

# Coverage-guided fuzzing, a minute per target; ARGS="--target json --seconds 600" goes on longer.
fuzz:
	@SWIFT="$(SWIFT)" dev/fuzz $(ARGS)

bench: setup
	@SWIFT="$(SWIFT)" dev/bench $(ARGS)

# The Nexmark queries in the real runtime; EVENTS, RATE, SEED, PARALLELISM, DISORDER and QUERIES=q0,q5 choose what runs.
bench-nexmark: build
	@"$${PYTHON:-python3}" dev/bench_nexmark.py $(ARGS)

# The same queries and events on Apache Flink beside ours: hashes compared, CPU per event as a ratio. Obtains Flink on first use.
bench-flink: build
	@"$${PYTHON:-python3}" dev/bench_flink.py $(ARGS)

lint:
	@$(SWIFT) format lint --strict --recursive --parallel Sources Tests Benchmarks/Sources Fuzz/Sources Examples/layers

format:
	@$(SWIFT) format --in-place --recursive --parallel Sources Tests Benchmarks/Sources Fuzz/Sources Examples/layers

docs:
	@SWIFT="$(SWIFT)" dev/docs
