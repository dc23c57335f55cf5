#!/usr/bin/env python3
"""Makes the sample set of `ledgerline bench answers`: what is heard after a call is answered.

    tools/answers/make.py DIR [SEED]

Needs espeak-ng and sox. Writes DIR/LABEL-NUMBER-SOURCE-LANGUAGE-VOICE-KIND.wav, 8 kHz, mono, 16
bit. The label is what answered: human, machine, fax, sit, ringback or silence. Half of those who
speak do so in English or Chinese.

LEDGERLINE=PROGRAM adds the neural voices of `ledgerline speech` (31 of them, in English and
Chinese; DIR is the folder it is run in, with data/speech). SOUNDS=DIR adds what is recorded:
Asterisk's packages asterisk-core-sounds-{en,es,fr,it,ru}-gsm, by default where they are installed.
The same seed gives the same set (with the same voices).
"""

import array
import math
import os
import random
import subprocess
import sys
import wave
from pathlib import Path

from voices import RATE, voices

COUNTS = {"human": 220, "machine": 220, "fax": 24, "sit": 24, "ringback": 24, "silence": 16}
# Share of voices from each source, where it is there; the rest is espeak-ng's.
SHARES = {"kokoro": 0.45, "recorded": 0.1}


def tone(pitches, millis, level=0.5):
    count = millis * RATE // 1000
    part = level * 32767 / len(pitches)
    return [sum(part * math.sin(2 * math.pi * hz * at / RATE) for hz in pitches) for at in range(count)]


def pause(millis):
    return [0.0] * (millis * RATE // 1000)


def noises(rng):
    """Ten seconds of noise at level 1 each: hiss of a line, and the deeper one of a room."""
    hiss = [rng.gauss(0, 1) for _ in range(10 * RATE)]
    room, last = [], 0.0
    for sample in hiss:
        last = 0.9 * last + 0.436 * sample
        room.append(last)
    return {"hiss": hiss, "room": room}


NOISES = noises(random.Random(7))


def noise(rng, kind, level_db, count):
    source, amplitude = NOISES[kind], 32767 * 10 ** (level_db / 20)
    start = rng.randrange(len(source))
    return [amplitude * source[(start + at) % len(source)] for at in range(count)]


def added(*parts):
    return [sum(samples) for samples in zip(*parts)]


def gsm(samples):
    """The same, as a mobile telephone's codec leaves it."""
    raw = array.array("h", [max(-32768, min(32767, round(sample))) for sample in samples]).tobytes()
    form = ["-t", "raw", "-r", str(RATE), "-b", "16", "-e", "signed", "-c", "1"]
    coded = subprocess.run(["sox", *form, "-", "-t", "gsm", "-"], input=raw, check=True, capture_output=True).stdout
    raw = subprocess.run(["sox", "-t", "gsm", "-", *form, "-"], input=coded, check=True, capture_output=True).stdout
    heard = array.array("h")
    heard.frombytes(raw)
    return list(heard)


def lossy(rng, samples, share):
    """Packets of 20 ms are lost; the one before is heard again, once."""
    heard, frame = list(samples), RATE // 50
    for start in range(frame, len(heard) - frame, frame):
        if rng.random() < share:
            heard[start:start + frame] = heard[start - frame:start]
    return heard


def line(rng, samples, is_mobile):
    """The same as a telephone line carries it: level, codec, loss, clicks, noise."""
    level = 10 ** (rng.uniform(-20, -4) / 20)
    carried = [sample * level for sample in samples]
    if is_mobile:
        carried = gsm(carried)
    if rng.random() < 0.3:
        carried = lossy(rng, carried, rng.uniform(0.01, 0.05))
    if rng.random() < 0.15:
        at = rng.randrange(0, RATE)
        for step in range(24):
            carried[at + step] += rng.choice([-1, 1]) * 8000 * 0.8 ** step
    carried = added(carried, noise(rng, "hiss", rng.uniform(-65, -42), len(carried)))
    return [max(-32768, min(32767, round(sample))) for sample in carried]


def write(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array.array("h", samples).tobytes())


def wait(rng):
    """From the answer to the first word."""
    return pause(round(min(1_700, rng.lognormvariate(math.log(450), 0.6))))


def breath(rng):
    if rng.random() > 0.15:
        return []
    count = rng.randint(150, 350) * RATE // 1000
    return [sample * math.sin(math.pi * at / count) for at, sample in
            enumerate(noise(rng, "hiss", rng.uniform(-40, -30), count))] + pause(rng.randint(50, 200))


def human(rng, voice):
    """A room that is heard from the answer on, or a telephone that lets words through alone."""
    kind = "short" if rng.random() < 0.75 else "long"
    first = voice.say(rng, rng.choice(voice.words[0 if kind == "short" else 1]))
    again = voice.say(rng, voice.words[0][0]) if rng.random() < 0.3 else []
    sound = [*wait(rng), *breath(rng), *first, *pause(rng.randint(2_200, 3_500)), *again, *pause(3_000)]
    if rng.random() < 0.7:
        sound = added(sound, noise(rng, "room", rng.uniform(-62, -38), len(sound)))
    return sound, kind


def machine(rng, voice):
    """A greeting that was recorded in a room or a studio, and its beep."""
    words = voice.say(rng, rng.choice(voice.words[2]))
    if rng.random() < 0.6:
        words = [*pause(rng.randint(0, 400)), *words, *pause(rng.randint(0, 400))]
        words = added(words, noise(rng, "room", rng.uniform(-62, -38), len(words)))
    if rng.random() < 0.3:
        words = gsm([0.5 * sample for sample in words])
    pitch = rng.choice([425, 440, 800, 950, 1000, 1000, 1100, 1250, 1400, 2000])
    beep = tone([pitch], rng.choice([200, 400, 500, 1000]))
    return [*wait(rng), *words, *pause(rng.randint(300, 1_500)), *beep, *pause(2_000)], "greeting"


def fax(rng, _):
    if rng.random() < 0.5:
        return pause(rng.randint(200, 2_500)) + tone([2100], rng.randint(2_700, 3_900)) + pause(1_000), "answers"
    return pause(rng.randint(200, 1_500)) + 3 * (tone([1100], 500) + pause(3_000)), "calls"


def sit(rng, voice):
    kinds = [[(913.8, 274), (1370.6, 274)], [(985.2, 380), (1370.6, 274)], [(913.8, 274), (1428.5, 380)],
             [(985.2, 380), (1428.5, 380)], [(950, 330), (1400, 330)]]
    first, second = rng.choice(kinds)
    tones = [first, second, (1776.7 if first[0] != 950 else 1800, 380 if first[0] != 950 else 330)]
    sound = pause(rng.randint(50, 900))
    for hz, millis in tones:
        sound += tone([hz], millis)
    return [*sound, *pause(200), *voice.say(rng, voice.words[2][0])], "tones"


def ringback(rng, _):
    pitches, strokes = rng.choice([
        ([440, 480], [2000, 4000]), ([425], [1000, 4000]), ([450], [1000, 4000]), ([425], [1000, 3000]),
        ([440], [1500, 3500]), ([400, 450], [400, 200, 400, 2000]), ([400], [1000, 2000])])
    sound = pause(rng.randint(50, 1_000))
    for _ in range(3):
        for number, millis in enumerate(strokes):
            sound += tone(pitches, millis, 0.3) if number % 2 == 0 else pause(millis)
    return sound, "rings"


def silence(rng, _):
    sound = pause(6_000)
    if rng.random() < 0.5:
        return added(sound, noise(rng, "room", rng.uniform(-62, -38), len(sound))), "room"
    return sound, "line"


def drawn_voice(rng, found, label):
    """A source by its share, then half the time English or Chinese, then any of its voices."""
    draw, source = rng.random(), "espeak"
    for name, share in SHARES.items():
        if name not in found:
            continue
        if draw < share:
            source = name
            break
        draw -= share
    there = found[source]
    if source == "espeak":
        wanted = rng.choice(["en", "zh"]) if rng.random() < 0.4 else None
        there = [voice for voice in there if wanted in (None, voice.language)]
    elif source == "kokoro":
        wanted = rng.choice(["en", "zh"])
        there = [voice for voice in there if voice.language == wanted]
    if label == "human":
        there = [voice for voice in there if voice.words[0] and voice.words[1]]
    return source, rng.choice(there)


def main():
    folder, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    folder.mkdir(parents=True, exist_ok=True)
    found = voices(Path(os.environ.get("SPOKEN", folder / "spoken")))
    makers = {"human": human, "machine": machine, "fax": fax, "sit": sit, "ringback": ringback, "silence": silence}
    for label, count in COUNTS.items():
        for number in range(count):
            # Each has its own draws, so that a source more or less changes no other.
            rng = random.Random(f"{seed} {label} {number}")
            source, voice = drawn_voice(rng, found, label)
            sound, kind = makers[label](rng, voice)
            speaks = label in ("human", "machine", "sit")
            said = f"{source}-{voice.id()}" if speaks else "none-none-none"
            # Faxes and the network's tones do not come from a mobile telephone.
            is_mobile = label in ("human", "machine") and rng.random() < 0.4
            write(folder / f"{label}-{number:03}-{said}-{kind}.wav", line(rng, sound, is_mobile))


if __name__ == "__main__":
    main()
