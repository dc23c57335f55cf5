#!/bin/sh
# Makes the clips of the simulated people from assets/people/lines.csv, and the clips of the
# scripts' prompts with their index. Clips that are there already stay; delete them to have them
# made again, or name them as arguments (en/hello).
#
# Usage: tools/speech/make_assets.sh        after tools/speech/fetch.sh data/speech
# Environment: LEDGERLINE (the program; target/debug/ledgerline), ENGINE (kokoro).
set -eu
cd "$(dirname "$0")/../.."
program=${LEDGERLINE:-target/debug/ledgerline}
engine=${ENGINE:-kokoro}
[ -x "$program" ] || { echo "make_assets.sh: $program is missing: cargo build" >&2; exit 1; }

for clip in "$@"; do rm -f "assets/people/$clip.ulaw"; done

# The text is the last field and the only one that may be in quotes.
tail -n +2 assets/people/lines.csv | while IFS=, read -r language name voice text; do
    text=${text#\"}
    text=${text%\"}
    clip=assets/people/$language/$name.ulaw
    # An empty file stands for a clip to be made: the program cannot be built without one.
    [ -s "$clip" ] && continue
    mkdir -p "assets/people/$language"
    "$program" speech say "$text" --language "$language" --voice "$voice" --engine "$engine" --out "$clip"
done

for script in scripts/*.toml; do
    [ -f "$script" ] || continue
    "$program" speech render --script "$script" --out assets/prompts --engine "$engine"
done
echo "make_assets.sh: people's clips are part of the program: build it again" >&2
