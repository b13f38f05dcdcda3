#!/bin/sh
# A library of singers from start to end: enroll, calibrate, identify, say, discover, merge, undo, forget.
#
#     sh examples/library.sh SINGERS SONGS [WORK]
#
# SINGERS is laid out SINGER/ALBUM/TRACK (three singers at least, two recordings each), SONGS holds anything.
# All is done in the folder WORK (by default ./library-example); no recording is changed.
set -eu
singers=$1
songs=$2
work=${3:-library-example}
library=$work/library
mkdir -p "$work"

# A command that could use some files but not all ends with 3 and has done the rest.
some() { "$@" || [ $? -eq 3 ]; }

echo "== Who is who: a folder of singers"
some singerid enroll "$library" "$singers"
singerid library list "$library"

echo "== How far can it be trusted?"
singerid library calibrate "$library"

echo "== Who sings in these?"
some singerid identify "$library" "$songs"
some singerid identify "$library" "$songs" --json > "$work/answers.jsonl"

echo "== Voices without a name"
some singerid discover "$library" "$songs"

echo "== A person knows better"
song=$(python3 -c '
import json, sys
answers = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
print(next(answer["path"] for answer in answers if answer.get("voice_seconds")))' "$work/answers.jsonl")
singerid library say "$library" "$song" --is "Somebody New"
singerid library say "$library" "$song" --is-not "Somebody New"
singerid library say "$library" "$song" --is "Somebody Else"
singerid identify "$library" "$song"

echo "== Two names for one voice"
singerid library merge "$library" "Somebody Else" "Somebody New"
singerid library info "$library" "Somebody New"

echo "== Taken back"
singerid library undo "$library" --list
singerid library undo "$library"
singerid library list "$library"

echo "== Forgotten"
singerid library forget "$library" "Somebody Else" --yes
singerid library check "$library"
