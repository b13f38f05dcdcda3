#!/bin/sh
# Names into music files, and out again: identify, dry run, write, look, undo.
#
#     sh examples/tags.sh SINGERS SONGS [WORK]
#
# SINGERS is laid out SINGER/ALBUM/TRACK (three singers at least, two recordings each), SONGS holds anything.
# All is done in the folder WORK (by default ./tags-example), on copies; no recording of yours is changed.
set -eu
singers=$1
songs=$2
work=${3:-tags-example}
library=$work/library
music=$work/music
mkdir -p "$work"
cp -R "$songs" "$music"

# A command that could use some files but not all ends with 3 and has done the rest.
some() { "$@" || [ $? -eq 3 ]; }

# What each file sounds like, and what a player sees of it.
sounds() {
    command -v ffmpeg > /dev/null || { echo "no ffmpeg here, no hashes"; return 0; }
    for song in "$music"/*; do
        echo "$(ffmpeg -v error -i "$song" -map 0:a -f md5 - < /dev/null) $song"
    done
}
look() {
    command -v ffprobe > /dev/null || { echo "no ffprobe here, nothing to see"; return 0; }
    ffprobe -v error -show_entries format_tags:stream_tags "$1"
}

echo "== Who is who, and how far that can be trusted: tags want 1 %"
some singerid enroll "$library" "$singers"
singerid library calibrate "$library" --fpir 1%

echo "== Who sings in these?"
some singerid identify "$library" "$music"
some singerid identify "$library" "$music" --json > "$work/answers.jsonl"
song=$(python3 -c '
import json, sys
answers = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
print(next(answer["path"] for answer in answers if answer.get("voice_seconds")))' "$work/answers.jsonl")
singerid library say "$library" "$song" --is "Nina Simone"

echo "== What would be written?"
some singerid tag "$library" "$music"

echo "== Written"
sounds > "$work/before.txt"
some singerid tag "$library" "$music" --write
look "$song"
sounds > "$work/after.txt"
cmp "$work/before.txt" "$work/after.txt" && echo "every file sounds the same"

echo "== Once more: nothing to do"
some singerid tag "$library" "$music" --write

echo "== Taken back"
singerid tag "$library" --undo --all
look "$song"
sounds > "$work/undone.txt"
cmp "$work/before.txt" "$work/undone.txt" && echo "and still does"
