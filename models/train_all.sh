#!/bin/sh
# Trains, scores and records the models. Run it inside a virtual environment that has requirements.txt.
set -eu
cd "$(dirname "$0")"
python train_sentiment.py
python train_sentiment.py --resume --steps 400 --rate 6e-4
python evaluate.py sentiment
python train_writer.py
python train_writer.py --resume --steps 300 --rate 1e-3
python evaluate.py writer
python train_digits.py
python evaluate.py digits
python reference.py
python write_cards.py
