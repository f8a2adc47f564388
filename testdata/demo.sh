#!/bin/sh
# Seals a real flight log, judges it, changes one byte of one record, judges it again, and
# proves one record without the rest. Everything happens in a temporary folder.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir" ./cmd/cqkeygen ./cmd/cqsign ./cmd/cqverify
cp testdata/logs/copter.tlog "$dir/flight.tlog"
cd "$dir"
PATH="$dir:$PATH"
run() { printf '\n$ %s\n' "$*"; "$@" || printf '[exit code %d]\n' $?; }

run cqkeygen -o pilot --label pilot-7
run cqsign -k pilot.key flight.tlog
run cqverify -k pilot.pub flight.tlog

printf '\n# In a copy, one byte is changed and 1,000 bytes are cut off the end.\n'
mkdir tampered
cp flight.tlog.* tampered
size=$(wc -c <flight.tlog)
head -c $((size - 1000)) flight.tlog >tampered/flight.tlog
printf '!' | dd of=tampered/flight.tlog bs=1 seek=140020 conv=notrunc 2>/dev/null
run cqverify -k pilot.pub tampered/flight.tlog

printf '\n# One record, proved without the rest of the flight.\n'
run cqsign prove --record 2362 -o record.tlog-proof flight.tlog
run cqverify proof -k pilot.pub record.tlog-proof
