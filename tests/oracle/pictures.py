"""ViT and CLIP with random weights, and what transformers computes with them.

  pictures.py PROGRAM             larger ones, made now, through tests/unit/inference/test_pictures.c
  pictures.py store FOLDER        the small ones that are stored: tests/oracle/known-pictures

Every model is a folder as Hugging Face has it, weights rounded to bfloat16, and a known.json: logits or embeddings in
double precision of pictures whose bytes both sides make by the same rule.
"""

import json
import os
import subprocess
import sys
import tempfile

import torch
from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTForImageClassification, logging

logging.disable_progress_bar()
torch.set_num_threads(1)

SIZES = {
    "small": {"hidden": 24, "inner": 40, "layers": 2, "heads": 3, "side": 12, "patch": 4, "vocab": 53, "joint": 20},
    "large": {"hidden": 96, "inner": 200, "layers": 3, "heads": 4, "side": 48, "patch": 8, "vocab": 503, "joint": 64},
}
PICTURES = 3


def tower(s, **more):
    return dict(hidden_size=s["hidden"], intermediate_size=s["inner"], num_hidden_layers=s["layers"],
                num_attention_heads=s["heads"], **more)


def vit(s):
    return ViTForImageClassification(ViTConfig(
        **tower(s), image_size=s["side"], patch_size=s["patch"], num_labels=5, layer_norm_eps=1e-3))


def vit_plain(s):
    return ViTForImageClassification(ViTConfig(
        **tower(s), image_size=s["side"], patch_size=s["patch"], num_labels=3, qkv_bias=False))


def clip(s, act="quick_gelu", eos=None):
    return CLIPModel(CLIPConfig(
        projection_dim=s["joint"],
        text_config=tower(s, vocab_size=s["vocab"], max_position_embeddings=24, hidden_act=act, pad_token_id=0,
                          bos_token_id=1, eos_token_id=s["vocab"] - 1 if eos is None else eos),
        vision_config=dict(tower(s, image_size=s["side"], patch_size=s["patch"], hidden_act=act),
                           hidden_size=s["hidden"] * 2, num_attention_heads=s["heads"] * 2)))


MODELS = {"vit": vit, "vit-plain": vit_plain, "clip": clip, "clip-old": lambda s: clip(s, "gelu", 2)}


def randomize(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            x = torch.randn(p.shape)
            if name == "logit_scale":
                x = torch.tensor(2.0)
            elif "embed" in name or "token" in name:
                x = x * .8
            elif p.dim() > 1:
                x = x * 1.2 / p.shape[-1] ** .5
            else:
                x = x * .2 if "bias" in name else 1 + x * .2
            p.copy_(x.bfloat16().float())


def picture(side, number):
    """As picture() of test_pictures.c."""
    i = torch.arange(side * side * 3, dtype=torch.int64)
    rgb = (i * i * 7 + i * 31 * (number + 1) + number * 97) % 256
    return ((rgb.double() / 255 - .5) / .25).view(side, side, 3).permute(2, 0, 1)


def texts(vocab):
    rows = [[1, 5, 9, 7], [1, vocab - 3, 4, 11, 2 % vocab, 8], [1]]
    return [row + [vocab - 1] for row in rows]


def beside(name, s, out):
    """How bytes become numbers, as in picture(); and a tokenizer that spells ids: "w5 w9" is 5, 9."""
    sizes = {"do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255, "resample": 3,
             "image_mean": [.5] * 3, "image_std": [.25] * 3}
    if name.startswith("vit"):
        sizes |= {"size": {"height": s["side"], "width": s["side"]}}
    else:
        sizes |= {"size": {"shortest_edge": s["side"] + 2}, "do_center_crop": True, "crop_size": s["side"]}
        vocab = {f"w{i}": i for i in range(s["vocab"])}
        words = {"type": "WordPiece", "unk_token": "w0", "continuing_subword_prefix": "##",
                 "max_input_chars_per_word": 9, "vocab": vocab}
        ends = [{"SpecialToken": {"id": f"w{i}", "type_id": 0}} for i in (1, s["vocab"] - 1)]
        frame = {"type": "TemplateProcessing", "single": [ends[0], {"Sequence": {"id": "A", "type_id": 0}}, ends[1]],
                 "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                 "special_tokens": {f"w{i}": {"id": f"w{i}", "ids": [i], "tokens": [f"w{i}"]} for i in (1, s["vocab"] - 1)}}
        write(out, "tokenizer.json", {"version": "1.0", "added_tokens": [], "normalizer": None, "decoder": None,
                                      "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": frame, "model": words})
    write(out, "preprocessor_config.json", sizes)


def write(out, name, value):
    with open(os.path.join(out, name), "w") as f:
        f.write(json.dumps(value, separators=(",", ":")) + "\n")


def digits(x):
    return [float("%.8g" % v) for v in x.flatten().tolist()]


def make(name, size, out):
    torch.manual_seed(sum(name.encode()))
    s = SIZES[size]
    model = MODELS[name](s).eval()
    randomize(model)
    model = model.double()
    pixels = torch.stack([picture(s["side"], i) for i in range(PICTURES)])
    known = {}
    with torch.no_grad():
        if name.startswith("vit"):
            known["pictures"] = [digits(row) for row in model(pixel_values=pixels).logits]
        else:
            known["texts"] = []
            for ids in texts(s["vocab"]):
                out_ = model(input_ids=torch.tensor([ids]), pixel_values=pixels)
                hidden = model.text_model(torch.tensor([ids])).pooler_output
                known["texts"].append({"ids": ids, "vector": digits(model.text_projection(hidden)[0]),
                                       "logits": digits(out_.logits_per_image)})
            known["pictures"] = [digits(row) for row in
                                 model.visual_projection(model.vision_model(pixels).pooler_output)]
    os.makedirs(out, exist_ok=True)
    model.bfloat16().save_pretrained(out)
    os.chmod(os.path.join(out, "model.safetensors"), 0o644)
    write(out, "known.json", known)
    beside(name, s, out)


def main():
    if sys.argv[1] == "store":
        for name in MODELS:
            make(name, "small", os.path.join(sys.argv[2], name))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            make(name, "large", os.path.join(folder, name))
        return subprocess.run([sys.argv[1], folder]).returncode


sys.exit(main())
