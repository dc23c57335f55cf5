"""Who speaks: espeak-ng, the neural voice where it is there, recorded prompts where they are there.

Each source gives samples of 8 kHz at full level, without silence at their ends. What is spoken is
kept in a folder, as the neural voice takes seconds for each sentence.
"""

import array
import hashlib
import os
import subprocess
from pathlib import Path

from words import RECORDED, WORDS

RATE = 8000
ESPEAK = ["", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5"]
# Voices of Kokoro-82M by language.
KOKORO = {
    "en": "af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nova af_sarah af_sky am_adam am_echo am_eric "
          "am_fenrir am_liam am_michael am_onyx am_puck bf_alice bf_emma bf_isabella bm_daniel bm_george bm_lewis",
    "zh": "zf_xiaobei zf_xiaoni zf_xiaoxiao zf_xiaoyi zm_yunjian zm_yunxi zm_yunxia zm_yunyang",
}
# One name for a language in file names; espeak-ng's own names.
SHORT = {"fr-fr": "fr", "pt-br": "pt"}
NAMES = {"zh": "cmn-latn-pinyin"}


def trimmed(samples):
    """Without the silence at both ends."""
    loud = [at for at, sample in enumerate(samples) if abs(sample) > 400]
    return samples[loud[0]:loud[-1]] if loud else samples


def sox(command, given=None):
    """Samples of what sox reads."""
    raw = subprocess.run(
        ["sox", *command, "-r", str(RATE), "-b", "16", "-e", "signed", "-c", "1", "-t", "raw", "-",
         "highpass", "300", "lowpass", "3400", "norm", "-1"],
        input=given, check=True, capture_output=True).stdout
    samples = array.array("h")
    samples.frombytes(raw)
    return trimmed(samples)


class Espeak:
    name = "espeak"

    def __init__(self, language, voice):
        self.language, self.voice = language, voice
        self.words = WORDS[language]

    def id(self):
        return f"{SHORT.get(self.language, self.language)}-{self.voice.strip('+') or 'm0'}"

    def say(self, rng, text):
        speed, pitch = rng.choice([140, 160, 175, 190]), rng.choice([30, 45, 55, 70])
        if self.language == "zh":
            speed += 90  # its syllables are words to espeak-ng: people say some five in a second
        voice = NAMES.get(self.language, self.language) + self.voice
        spoken = subprocess.run(
            ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text[0]],
            check=True, capture_output=True).stdout
        return sox(["-t", "wav", "-"], spoken)


class Kokoro:
    """The neural voice, by way of `ledgerline speech say`."""
    name = "kokoro"

    def __init__(self, language, voice, program, kept):
        self.language, self.voice, self.program, self.kept = language, voice, program, kept
        self.words = WORDS[language]

    def id(self):
        return f"{self.language}-{self.voice.replace('_', '')}"

    def file(self, text):
        key = hashlib.sha256(f"{self.voice} {text[1]}".encode()).hexdigest()[:24]
        return self.kept / f"{key}.wav"

    def make(self, text):
        if not self.file(text).exists():
            self.kept.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                [self.program, "speech", "say", text[1], "--language", self.language, "--voice", self.voice,
                 "--engine", "kokoro", "--out", str(self.file(text))],
                check=True, capture_output=True)

    def say(self, rng, text):
        self.make(text)
        return sox([str(self.file(text)), ])


class Recorded:
    """Prompts of Asterisk's sound packages, where they are installed."""
    name = "recorded"

    def __init__(self, folder):
        self.folder = folder
        here = [[files for files in kind if all(self.file(name).exists() for name in files)] for kind in RECORDED]
        self.words = here

    def file(self, name):
        return self.folder / f"{name}.gsm"

    def id(self):
        language, *_, voice = self.folder.name.split("_")
        return f"{language}-{voice.lower()}"

    def say(self, rng, text):
        samples = array.array("h")
        for name in text:
            samples.extend(sox([str(self.file(name))]))
            samples.extend([0] * (rng.randint(60, 250) * RATE // 1000))
        return trimmed(samples)


def voices(kept):
    """Every voice there is here, by source."""
    found = {"espeak": [Espeak(language, voice) for language in sorted(WORDS) for voice in ESPEAK]}
    program = os.environ.get("LEDGERLINE")
    if program:
        found["kokoro"] = [Kokoro(language, voice, program, kept)
                           for language, names in KOKORO.items() for voice in names.split()]
    sounds = Path(os.environ.get("SOUNDS", "/usr/share/asterisk/sounds"))
    folders = sorted(folder for folder in sounds.glob("*_*_*_*") if folder.is_dir())
    if folders:
        found["recorded"] = [Recorded(folder) for folder in folders]
    return found
