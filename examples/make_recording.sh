#!/bin/sh
# Makes speech_in_noise.wav, 16 kHz mono: a synthetic voice in fan noise. Needs espeak-ng and sox.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

espeak-ng -v en-us -s 150 -w "$work/voice.wav" \
    "Every frame of this sentence goes through a function of yours, and comes back in time."
sox -R "$work/voice.wav" -r 16000 -b 16 "$work/speech.wav" norm -6 pad 0.5 0.5
length=$(soxi -D "$work/speech.wav")
sox -R -n -r 16000 -b 16 "$work/noise.wav" synth "$length" pinknoise vol 0.16 highpass 60
sox -R -m -v 1 "$work/speech.wav" -v 1 "$work/noise.wav" -b 16 speech_in_noise.wav
