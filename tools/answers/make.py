#!/usr/bin/env python3
"""Makes the sample set of `ledgerline bench answers`: what is heard after a call is answered.

    tools/answers/make.py DIR [SEED]

Needs espeak-ng and sox. Writes DIR/LABEL-NUMBER.wav, 8 kHz, mono, 16 bit. The label is what
answered: human, machine, fax, sit, ringback or silence. Words are spoken by espeak-ng in nine
languages and ten voices each; levels, noise, waits and beeps are drawn. The same seed gives the
same set (with the same espeak-ng).
"""

import array
import math
import random
import re
import subprocess
import sys
import wave
from pathlib import Path

RATE = 8000
VOICES = ["", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5"]
# Short greetings, greetings with a name or a firm, and what machines say.
WORDS = {
    "en": (
        ["Hello?", "Yes?", "Hi, who is this?", "Hello, hello?"],
        ["Hello, this is Mary speaking.", "Good morning, city garage, how can I help you?"],
        ["You have reached the voice mail of the front office. Nobody can take your call right now. "
         "Please leave your name and number after the tone.",
         "Hi, we are not at home. Leave a message after the beep.",
         "The person you are calling is not available. At the tone, please record your message."],
    ),
    "de": (
        ["Hallo?", "Ja bitte?", "Hallo, wer ist da?"],
        ["Guten Tag, Müller am Apparat.", "Praxis Sommer, guten Morgen, was kann ich für Sie tun?"],
        ["Guten Tag. Dies ist der Anrufbeantworter der Familie Sommer. Wir sind gerade nicht da. "
         "Bitte hinterlassen Sie eine Nachricht nach dem Ton."],
    ),
    "fr-fr": (
        ["Allô?", "Oui?", "Allô, qui est à l'appareil?"],
        ["Bonjour, cabinet du docteur Blanc, je vous écoute."],
        ["Bonjour, vous êtes bien sur le répondeur de Marie. Je ne suis pas disponible. "
         "Laissez-moi un message après le bip."],
    ),
    "es": (
        ["¿Diga?", "¿Sí?", "Hola, ¿quién es?"],
        ["Buenos días, oficina central, ¿en qué puedo ayudarle?"],
        ["Hola, ha llamado a la familia López. En este momento no podemos atenderle. "
         "Deje su mensaje después de la señal."],
    ),
    "it": (
        ["Pronto?", "Sì, pronto, chi parla?"],
        ["Buongiorno, studio Rossi, mi dica."],
        ["Salve, in questo momento non posso rispondere. Lasciate un messaggio dopo il segnale acustico."],
    ),
    "pt-br": (
        ["Alô?", "Oi, quem fala?"],
        ["Bom dia, padaria central, em que posso ajudar?"],
        ["Oi, você ligou para a casa da Ana. No momento não posso atender. Deixe o seu recado após o sinal."],
    ),
    "cmn": (
        ["喂？", "喂，你好。", "你好，哪位？"],
        ["您好，这里是客服中心，请问有什么可以帮您？"],
        ["您好，您所拨打的用户暂时无法接通，请在提示音之后留言，我们会尽快与您联系。"],
    ),
    "ru": (
        ["Алло?", "Да, слушаю."],
        ["Добрый день, компания Север, слушаю вас."],
        ["Здравствуйте. К сожалению, сейчас никто не может ответить на ваш звонок. "
         "Оставьте сообщение после сигнала."],
    ),
    "pl": (
        ["Halo?", "Tak, słucham?"],
        ["Dzień dobry, biuro, w czym mogę pomóc?"],
        ["Dzień dobry, nie możemy teraz odebrać. Proszę zostawić wiadomość po sygnale."],
    ),
}


def speak(rng, text, voice):
    """Samples of a sentence, at full level."""
    if voice.startswith("cmn"):
        text = re.sub("[，。？]", " ", text)  # espeak-ng would name them
    speed, pitch = rng.choice([140, 160, 175, 190]), rng.choice([30, 45, 55, 70])
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text],
        check=True, capture_output=True).stdout
    raw = subprocess.run(
        ["sox", "-t", "wav", "-", "-r", str(RATE), "-b", "16", "-e", "signed", "-c", "1", "-t", "raw", "-",
         "highpass", "300", "lowpass", "3400", "norm", "-1"],
        input=spoken, check=True, capture_output=True).stdout
    samples = array.array("h")
    samples.frombytes(raw)
    loud = [at for at, sample in enumerate(samples) if abs(sample) > 400]
    return list(samples[loud[0]:loud[-1]])


def tone(pitches, millis, level=0.5):
    count = millis * RATE // 1000
    part = level * 32767 / len(pitches)
    return [sum(part * math.sin(2 * math.pi * hz * at / RATE) for hz in pitches) for at in range(count)]


def pause(millis):
    return [0.0] * (millis * RATE // 1000)


def line(rng, samples):
    """The same as a telephone line carries it: some level, some noise."""
    level = 10 ** (rng.uniform(-20, -4) / 20)
    noise = 32767 * 10 ** (rng.uniform(-65, -42) / 20)
    return [max(-32768, min(32767, round(sample * level + rng.gauss(0, noise)))) for sample in samples]


def write(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array.array("h", samples).tobytes())


def wait(rng):
    """From the answer to the first word."""
    return pause(round(min(1_700, rng.lognormvariate(math.log(450), 0.6))))


def human(rng, voice, words):
    kind = rng.random()
    text = rng.choice(words[0] if kind < 0.75 else words[1])
    first = speak(rng, text, voice)
    again = speak(rng, words[0][0], voice) if rng.random() < 0.3 else []
    return wait(rng) + first + pause(rng.randint(2_200, 3_500)) + again + pause(3_000)


def machine(rng, voice, words):
    beep = tone([rng.choice([425, 440, 800, 950, 1000, 1000, 1100, 1250, 1400, 2000])], rng.choice([200, 400, 500, 1000]))
    return wait(rng) + speak(rng, rng.choice(words[2]), voice) + pause(rng.randint(300, 1_500)) + beep + pause(2_000)


def fax(rng):
    if rng.random() < 0.5:
        return pause(rng.randint(200, 2_500)) + tone([2100], rng.randint(2_700, 3_900)) + pause(1_000)
    return pause(rng.randint(200, 1_500)) + 3 * (tone([1100], 500) + pause(3_000))


def sit(rng, voice, words):
    kinds = [[(913.8, 274), (1370.6, 274)], [(985.2, 380), (1370.6, 274)], [(913.8, 274), (1428.5, 380)],
             [(985.2, 380), (1428.5, 380)], [(950, 330), (1400, 330)]]
    first, second = rng.choice(kinds)
    tones = [first, second, (1776.7 if first[0] != 950 else 1800, 380 if first[0] != 950 else 330)]
    sound = pause(rng.randint(50, 900))
    for hz, millis in tones:
        sound += tone([hz], millis)
    return sound + pause(200) + speak(rng, words[2][0], voice)


def ringback(rng):
    pitches, strokes = rng.choice([
        ([440, 480], [2000, 4000]), ([425], [1000, 4000]), ([450], [1000, 4000]), ([425], [1000, 3000]),
        ([440], [1500, 3500]), ([400, 450], [400, 200, 400, 2000]), ([400], [1000, 2000])])
    sound = pause(rng.randint(50, 1_000))
    for _ in range(3):
        for number, millis in enumerate(strokes):
            sound += tone(pitches, millis, 0.3) if number % 2 == 0 else pause(millis)
    return sound


def main():
    folder, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    wanted = {"human": 180, "machine": 180, "fax": 24, "sit": 24, "ringback": 24, "silence": 8}
    makers = {"human": human, "machine": machine, "fax": fax, "sit": sit, "ringback": ringback,
              "silence": lambda rng: pause(6_000)}
    spoken = {"human", "machine", "sit"}
    for label, count in wanted.items():
        for number in range(count):
            language = rng.choice(sorted(WORDS))
            args = (language + rng.choice(VOICES), WORDS[language]) if label in spoken else ()
            write(folder / f"{label}-{number:03}.wav", line(rng, makers[label](rng, *args)))


if __name__ == "__main__":
    main()
