#!/bin/sh
# The page's server by other programs: start it, let it hear a folder, look at an answer, stop it.
#
#     sh examples/serve.sh SINGERS SONGS [WORK]
#
# SINGERS is laid out SINGER/ALBUM/TRACK, SONGS holds anything. All is done in the folder WORK (by default
# ./serve-example); no recording is changed. It needs curl.
set -eu
singers=$1
songs=$(cd "$2" && pwd)
work=${3:-serve-example}
library=$work/library
mkdir -p "$work"

# A command that could use some files but not all ends with 3 and has done the rest.
some() { "$@" || [ $? -eq 3 ]; }
# A member of a JSON object, by its way: "job.id".
member() { python3 -c '
import functools, json, sys
find = lambda value, name: value[int(name)] if isinstance(value, list) else value[name]
print(functools.reduce(find, sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }

echo "== Who is who"
some singerid enroll "$library" "$singers"

echo "== The server"
singerid serve "$library" --root "$songs" --no-browser > "$work/address" &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
until [ -s "$work/address" ]; do sleep 0.2; done
address=$(head -n 1 "$work/address")
api=${address%%/\?*}/api/v1
# The address lets in once: what it gives for that is kept in a file of cookies.
curl -sS -c "$work/cookies" -o "$work/in" "$address"
ask() { curl -sS -f -b "$work/cookies" "$@"; }
ask "$api/state" | member library.singers

echo "== Hear a folder"
body=$(python3 -c 'import json, sys; print(json.dumps({"paths": sys.argv[1:]}))' "$songs")
job=$(ask -H "Content-Type: application/json" -d "$body" "$api/hear" | member id)
until ask "$api/jobs" | python3 -c '
import json, sys
job = next(job for job in json.load(sys.stdin)["jobs"] if job["id"] == int(sys.argv[1]))
sys.exit(job["state"] in ("waiting", "running"))' "$job"; do sleep 0.5; done
ask "$api/jobs" | member jobs.0.message

echo "== An answer"
song=$(ask "$api/songs?sort=decision" | member songs.0.id)
ask "$api/songs/$song" | member decision
ask "$api/answers.csv"

echo "== A person knows better"
ask -H "Content-Type: application/json" -d '{"is": "Somebody New"}' "$api/songs/$song/say" | member singers.0.singer

echo "== Stop"
kill "$server"  # Ctrl-C, where it runs in a terminal of its own
wait "$server" || echo "ended with $?"
