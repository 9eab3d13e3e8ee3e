#!/bin/sh
# Runs a test of --config=profile so that its counters land among the test's outputs. %c: written as it goes,
# so those of a process that aborts, or is killed, count as well. A process has a file of its own (%p).
LLVM_PROFILE_FILE=$TEST_UNDECLARED_OUTPUTS_DIR/%p%c.profraw exec "$@"
