.PHONY: setup build
setup: ; @dev/setup
build: ; swift build -c release
