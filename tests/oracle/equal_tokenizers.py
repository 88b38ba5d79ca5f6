"""Holds our tokenizers against the library `tokenizers`: ids, offsets, types, special masks.

equal_tokenizers.py TOKENIZE [COUNT]: one small tokenizer per kind, trained here, and COUNT texts.
equal_tokenizers.py --fixture PATH: writes a few texts and what the library makes of them, for
tests/unit/inference/test_tokenizer_kinds.c, which runs everywhere.
equal_tokenizers.py TOKENIZE COUNT FILE...: the same texts through these tokenizer.json.

Exits 77 where the library is not there.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

try:
    from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                            pre_tokenizers, processors, trainers)
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = [r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-Ρ]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
            r"\s+$", r"[一-龥ࠀ-一가-퟿]+"]
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

SENTENCES = """The quick brown fox jumps over the lazy dog; it's 3.14 o'clock, isn't it?
We'll see what they've done, I'm sure he'd DO it by 2024-11-26 at 08:12:59!
Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Straße, ẞ, ﬁn.
Portez ce vieux whisky au juge blond qui fume; « déjà vu », c'est l'été à Noël.
El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia ¡y frío! ¿Añoraba?
Pchnąć w tę łódź jeża lub ośm skrzyń fig. Příliš žluťoučký kůň úpěl ďábelské ódy.
Съешь же ещё этих мягких французских булок, да выпей чаю. Чуєш їх, доцю, га? Кумедна ж ти.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία· ὁ ἄνθρωπος, Οὐχὶ ταὐτὰ παρίσταταί μοι γιγνώσκειν.
דג סקרן שט בים מאוכזב ולפתע מצא לו חברה. שָׁלוֹם עֲלֵיכֶם
نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ومغلف بجلد أزرق ١٢٣٤
بچه‌ها می‌خواهند کتاب‌های ۱۲۳ را بخوانند؟ یہ اردو ہے۔
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले विष्णुवतार भगवान १२३
আমি কাঁচ খেতে পারি, তাতে আমার কোনো ক্ষতি হয় না। ਮੈਂ ਗਲਾਸ ਖਾ ਸਕਦਾ ਹਾਂ
நான் கண்ணாடி சாப்பிடுவேன், அதனால் எனக்கு ஒரு கேடும் வராது. నేను గాజు తినగలను
ನನಗೆ ಹಾನಿ ಆಗದೆ, ನಾನು ಗಾಜನ್ನು ತಿನಬಹುದು എനിക്ക് ഗ്ലാസ് തിന്നാം. මට වීදුරු කෑමට හැකියි
ฉันกินกระจกได้ แต่มันไม่ทำให้ฉันเจ็บ ๑๒๓ ຂອ້ຍກິນແກ້ວໄດ້ ក្រុង ညွှန်ကြား་བོད་ཡིག
我能吞下玻璃而不伤身体。我能吞下玻璃而不傷身體。「漢字」、１２３，ＡＢＣ！
いろはにほへと ちりぬるを ウヰノオクヤマ ケフコエテ ｶﾞｷﾞｸﾞ 私はガラスを食べられます。㌀㍿
나는 유리를 먹을 수 있어요. 그래도 아프지 않아요 각힣 ㄱㄴㄷ 한글
მინას ვჭამ და არა მტკივა. Կրնամ ապակի ուտել և ինծի անհանգիստ չըներ։ እኔ ብርጭቆ መብላት እችላለሁ።
ᐊᓕᒍᖅ ᓂᕆᔭᕌᖓᒃᑯ ᏣᎳᎩ ᚠᛇᚻ᛫ᛒᛦᚦ ⲁⲛⲟⲕ 𐌼𐌰𐌲 𐤀𐤁 𒀀𒁀 𓀀𓁐 𝔘𝔫𝔦 𝟙𝟚 ʰᵉˡˡᵒ
Tôi có thể ăn thủy tinh mà không hại gì. Ğğ İı Şş: İstanbul'da ILIK ılık
👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 1️⃣ ❤️ ☕️ 🤷🏾‍♀️ 😀😃 ™️ ©® ½ ² Ⅷ ① ㊙ ⓐ 🅰
for (int i = 0; i < n_items; i++) { x[i] += 0xff & ~mask; } // TODO: fix\t\tme\r\n\r\n    return x->y;
{"key": [1, 2.5e-10, null], "url": "https://example.org/a_b?c=d&e=%20#f"}  <b>bold</b> \\n $x^2$ a/b/c
e\u0301\u0323\u0302 a\u030a\u0301 \u1100\u1161\u11a8 \u0e33 \u0344 \u212b \u2126 \ufb03 \u1e9b\u0323 q\u0307\u0323
\u200b\u200d\ufeff\u2060\u00ad zero\u200bwidth \u202eright\u202c \u0000nul \u0007 \u001b[0m \u0085 \u2028 \u2029 \ufffd
 leading and trailing   spaces\u00a0nbsp\u3000ideographic\u2003em \t tabs\v\f \u1680 \u205f \u180e.
<s>special</s> [CLS] in [MASK] the [SEP] text <mask> <|im_start|>user<|endoftext|> ▁already▁there Ġspelled<0x0A><unk>"""


def sentences():
    lines = SENTENCES.split("\n")
    return [line.encode().decode("unicode_escape").encode("latin-1", "surrogatepass").decode("utf-8", "replace")
            if "\\u" not in line else
            json.loads('"' + line.replace("\\", "\\\\").replace("\\\\u", "\\u").replace('"', '\\"') + '"')
            for line in lines]


def assigned():
    """Characters that every Unicode of the last years knows."""
    old = unicodedata.ucd_3_2_0
    return [chr(c) for c in range(1, 0x2fa1e)
            if not 0xd800 <= c < 0xe000 and c != 0xfdd0
            and old.category(chr(c)) == unicodedata.category(chr(c)) != "Cn"]


def texts(count):
    rng = random.Random(7)
    lines, points = sentences(), assigned()
    blocks = [points[i:i + 60] for i in range(0, len(points), 60)]
    marks = [c for c in points if unicodedata.category(c).startswith("M")]
    ascii_ = [chr(c) for c in range(32, 127)]
    spaces = [" ", "  ", "\n", "\n\n", "\t", " \n ", "\r\n", "\u00a0", "\u3000", "   "]

    def words():
        all_words = " ".join(rng.sample(lines, 3)).split(" ")
        return "".join(rng.choice(all_words) + rng.choice([" ", " ", " ", rng.choice(spaces)])
                       for _ in range(rng.randrange(1, 30)))

    def part():
        line = rng.choice(lines)
        a = rng.randrange(len(line))
        return line[a:a + rng.randrange(1, 60)]

    def noise():
        return "".join(rng.choice(points) for _ in range(rng.randrange(1, 20)))

    def block():
        b = rng.choice(blocks)
        return "".join(rng.choice(b) for _ in range(rng.randrange(1, 25)))

    def marked():
        return "".join(rng.choice("aeiou가ᄀㄱがαиא") + "".join(rng.choice(marks) for _ in range(rng.randrange(5)))
                       for _ in range(rng.randrange(1, 8)))

    def typed():
        return "".join(rng.choice(ascii_) for _ in range(rng.randrange(1, 60)))

    def broken():
        raw = bytearray(rng.choice(lines).encode())
        for _ in range(rng.randrange(1, 5)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        return raw.decode("utf-8", "replace").replace("\ufdd0", "")

    def space_mess():
        return "".join(rng.choice(spaces + ["a", "B", "1", ".", "é", "中"]) for _ in range(rng.randrange(1, 25)))

    def long():
        return rng.choice([lambda: rng.choice("ab1 .é中") * rng.randrange(100, 400),
                           lambda: words() * rng.randrange(2, 8)])()

    makers = [words, words, part, part, noise, block, block, marked, typed, broken, space_mess]
    made = ["", " ", "\n", "a"] + lines
    while len(made) < count:
        made.append(long() if len(made) % 100 == 0 else rng.choice(makers)())
    return made[:count]


def pairs(all_texts):
    return [[all_texts[i], all_texts[(i * 7 + 3) % len(all_texts)]] for i in range(0, len(all_texts), 20)]


# --- one tokenizer per kind ---

def train(tok, trainer):
    # Not with NUL, which the platform takes in texts but not in JSON files.
    tok.train_from_iterator([s.replace("\0", "") for s in sentences()] * 3, trainer)
    return tok


def bpe(size=600, **options):
    return trainers.BpeTrainer(vocab_size=size, show_progress=False, **options)


def bytes_trainer(special=(), size=700):
    return bpe(size, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), special_tokens=list(special))


def framed(cls, sep, pair_type=1, pair=None):
    def make(tok):
        ids = [(cls, tok.token_to_id(cls)), (sep, tok.token_to_id(sep))]
        return processors.TemplateProcessing(
            single=f"{cls} $A {sep}", pair=pair or f"{cls} $A {sep} $B:{pair_type} {sep}:{pair_type}",
            special_tokens=ids)
    return make


def gpt2():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
    return train(tok, bytes_trainer(["<|endoftext|>"]))


def roberta():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tok.decoder = decoders.ByteLevel()
    train(tok, bytes_trainer(["<s>", "<pad>", "</s>", "<unk>"]))
    tok.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    tok.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True,
                                                      add_prefix_space=True)
    return tok


def split_then_bytes(regex, normalizer=None, ignore_merges=False, special=("<|im_start|>", "<|im_end|>")):
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tok.normalizer = normalizer
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(regex), "isolated", False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    train(tok, bytes_trainer(special))
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    return tok


def llama3():
    tok = split_then_bytes(LLAMA3, ignore_merges=True, special=("<|begin_of_text|>", "<|eot_id|>"))
    tok.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single="<|begin_of_text|> $A",
                                      pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                                      special_tokens=[("<|begin_of_text|>", 0)])])
    return tok


def qwen2():
    return split_then_bytes(QWEN2, normalizers.NFC())


def o200k():
    return split_then_bytes(O200K)


def deepseek():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r), "isolated", False) for r in DEEPSEEK]
        + [pre_tokenizers.Digits(individual_digits=True),
           pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    return train(tok, bytes_trainer(["<｜begin▁of▁sentence｜>"]))


def smollm():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    return train(tok, bytes_trainer(["<|endoftext|>", "<|im_start|>"]))


def falcon():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel()
    return train(tok, bytes_trainer(["<|endoftext|>"]))


def byte_normalizer():
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.ByteLevel()])
    tok.pre_tokenizer = pre_tokenizers.Split(Regex(r"Ġ?[^Ġ]+|Ġ"), "isolated")
    tok.decoder = decoders.ByteLevel()
    return train(tok, bytes_trainer(["<|endoftext|>"]))


def clip():
    tok = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                           normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CLIP), "removed", True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    train(tok, bpe(700, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), end_of_word_suffix="</w>",
                   special_tokens=["<|startoftext|>", "<|endoftext|>"]))
    tok.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0),
                                                      trim_offsets=False, add_prefix_space=False)
    return tok


def gpt1():
    tok = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tok.normalizer = normalizers.BertNormalizer(lowercase=True)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.BPEDecoder(suffix="</w>")
    return train(tok, bpe(600, end_of_word_suffix="</w>", special_tokens=["<unk>"]))


def byte_tokens():
    return [f"<0x{b:02X}>" for b in range(256)]


def llama2(fuse=True):
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse, byte_fallback=True))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    train(tok, bpe(800, limit_alphabet=80, special_tokens=["<unk>", "<s>", "</s>"] + byte_tokens()))
    spec = json.loads(tok.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["id"] < 3]
    tok = Tokenizer.from_str(json.dumps(spec))
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                     decoders.Strip(" ", 1, 0)])
    tok.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tok


def mistral():
    tok = llama2()
    tok.normalizer = None
    spec = json.loads(tok.to_str())
    spec["normalizer"] = None
    spec["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    return Tokenizer.from_str(json.dumps(spec))


def gemma():
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=False))
    tok.normalizer = normalizers.Replace(" ", "▁")
    tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous", False)
    train(tok, bpe(500, limit_alphabet=150, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"]))
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tok


def unknowns():
    """Unknown tokens that are not fused, after words cut by what \\w is."""
    tok = Tokenizer(models.BPE(unk_token="[UNK]"))
    tok.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.Strip()])
    tok.pre_tokenizer = pre_tokenizers.Whitespace()
    return train(tok, bpe(300, limit_alphabet=60, special_tokens=["[UNK]"]))


def bert(lowercase=True, **normalizer):
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tok.normalizer = normalizers.BertNormalizer(lowercase=lowercase, **normalizer)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece()
    train(tok, trainers.WordPieceTrainer(vocab_size=900, show_progress=False,
                                         special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    tok.post_processor = framed("[CLS]", "[SEP]")(tok)
    return tok


def bert_cased():
    tok = bert(lowercase=False)
    tok.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tok.add_tokens([AddedToken("fox", single_word=True), AddedToken("Été", normalized=True, rstrip=True),
                    AddedToken("ab", normalized=False)])
    return tok


def charsmap():
    """A charsmap of SentencePiece, where that can be had; else the empty one."""
    try:
        import sentencepiece as spm
    except ImportError:
        return b""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/in", "w", encoding="utf-8") as f:
            f.write("\n".join(s.replace("\0", "") for s in sentences()))
        with open(f"{folder}/rules", "w", encoding="utf-8") as f:
            f.write(RULES)
        spm.SentencePieceTrainer.train(
            input=f"{folder}/in", model_prefix=f"{folder}/m", vocab_size=1200, hard_vocab_limit=False,
            minloglevel=2, **({"normalization_rule_name": "nmt_nfkc"} if FULL_CHARSMAP else
                              {"normalization_rule_tsv": f"{folder}/rules"}))
        data = open(f"{folder}/m.model", "rb").read()
    return charsmap_of(data)


def charsmap_of(model):
    """ModelProto.normalizer_spec (3) .precompiled_charsmap (2), read from the protobuf."""
    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        while at < len(data):
            key = varint()
            if key & 7 == 2:
                n = varint()
                yield key >> 3, data[at:at + n]
                at += n
            elif key & 7 == 0:
                varint()
            elif key & 7 == 5:
                at += 4
            else:
                at += 8
    spec = next(v for k, v in fields(model) if k == 3)
    return next((v for k, v in fields(spec) if k == 2), b"")


FULL_CHARSMAP = True
# Code points in hexadecimal: what is replaced, and what replaces it.
RULES = "\n".join(f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}" for a, b in [
    ("ﬁ", "fi"), ("Ａ", "A"), ("e\u0301", "\u00e9"), ("㍿", "株式会社"), ("\t", " "), ("\n", " "), ("\x07", ""),
    ("\u200b", " "), ("½", "1⁄2"), ("가", "각"), ("\u00a0", " "), ("\u3000", " ")]) + "\n"


def unigram(tok, **options):
    return train(tok, trainers.UnigramTrainer(vocab_size=800, show_progress=False, **options))


def xlmr():
    tok = Tokenizer(models.Unigram())
    table = charsmap()
    steps = [normalizers.Precompiled(table)] if table else [normalizers.NFKC()]
    tok.normalizer = normalizers.Sequence(steps + [normalizers.Replace(Regex(" {2,}"), " ")])
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tok.decoder = decoders.Metaspace()
    unigram(tok, unk_token="<unk>", special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    tok.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=True, special=True)])
    tok.post_processor = framed("<s>", "</s>", 0, "<s> $A </s> </s> $B </s>")(tok)
    return tok


def t5():
    tok = Tokenizer(models.Unigram())
    if charsmap():
        tok.normalizer = normalizers.Precompiled(charsmap())
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tok.decoder = decoders.Metaspace()
    unigram(tok, unk_token="<unk>", special_tokens=["<pad>", "</s>", "<unk>"])
    tok.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>",
                                                       special_tokens=[("</s>", 1)])
    return tok


def albert():
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
        normalizers.StripAccents(), normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    tok.decoder = decoders.Metaspace()
    unigram(tok, unk_token="<unk>", special_tokens=["<pad>", "<unk>", "[CLS]", "[SEP]"])
    tok.post_processor = framed("[CLS]", "[SEP]")(tok)
    return tok


def unigram_bytes():
    tok = t5()
    spec = json.loads(tok.to_str())
    spec["normalizer"] = {"type": "NFD"}
    spec["model"]["byte_fallback"] = True
    spec["model"]["vocab"] = (spec["model"]["vocab"][:300] + [[b, -9.0] for b in byte_tokens()])
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "CharDelimiterSplit", "delimiter": "e"}, {"type": "FixedLength", "length": 7},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}]}
    spec["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]}
    return Tokenizer.from_str(json.dumps(spec))


KINDS = [gpt2, roberta, llama3, qwen2, o200k, deepseek, smollm, falcon, byte_normalizer, clip, gpt1, llama2, mistral,
         gemma, unknowns, bert, bert_cased, xlmr, t5, albert, unigram_bytes]


# --- holding one against the other ---

def expected(tok, text):
    e = tok.encode(*text) if isinstance(text, list) else tok.encode(text)
    return {"ids": e.ids, "offsets": [list(o) for o in e.offsets], "types": e.type_ids,
            "special": e.special_tokens_mask}


def plain(tok):
    tok.no_truncation()
    tok.no_padding()
    return tok


def ours(program, spec, all_texts):
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as f:
        f.write(spec)
        f.flush()
        done = subprocess.run([program, f.name], input="\n".join(map(json.dumps, all_texts)) + "\n",
                              capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]


def compare(name, tok, program, all_texts):
    """How many texts differ; says which first."""
    spec = plain(tok).to_str()
    got = ours(program, spec, all_texts)
    bad = decoded = 0
    if len(got) != len(all_texts):
        sys.exit(f"{name}: {len(got)} answers to {len(all_texts)} texts")
    for text, g in zip(all_texts, got):
        want = expected(tok, text)
        wrong = [k for k in want if g.get(k) != want[k]]
        back = tok.decode(want["ids"])
        if not wrong and "\ufffd" not in back and g["text"] != back:
            decoded += 1
            if decoded <= 3:
                print(f"  {name}: decoded\n    ours   {g['text'][:150]!r}\n    theirs {back[:150]!r}")
        if wrong:
            bad += 1
            if bad <= 3:
                print(f"  {name}: {text!r}\n    {wrong[0]}: ours   {str(g.get(wrong[0], g))[:300]}\n"
                      f"    {wrong[0]}: theirs {str(want[wrong[0]])[:300]}")
    print(f"{name}: {len(all_texts) - bad} of {len(all_texts)} equal, {decoded} decoded otherwise", flush=True)
    return bad + decoded


def short(want):
    """The same with few characters: offsets in one row, types and masks as digits."""
    return [want["ids"], [n for o in want["offsets"] for n in o], "".join(map(str, want["types"])),
            "".join(map(str, want["special"]))]


def write_fixture(path):
    global FULL_CHARSMAP  # pylint: disable=global-statement
    FULL_CHARSMAP = False
    out = []
    for n, kind in enumerate(KINDS):
        tok = plain(kind())
        # A few scripts for each kind, and for all what is hard: emoji, marks, spaces, special tokens.
        lines = sentences()
        sample = (lines[n % 9:22:9] + lines[22:] + ["", " ", "a  b", [lines[0], lines[15]], ["a", ""]])
        out.append({"kind": kind.__name__, "tokenizer": json.loads(tok.to_str()),
                    "texts": [[t, *short(expected(tok, t))] for t in sample]})
    with open(path, "w", encoding="utf-8") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


def main():
    if sys.argv[1] == "--fixture":
        return write_fixture(sys.argv[2])
    program, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    all_texts = texts(count)
    all_texts += pairs(all_texts)
    only = os.environ.get("KINDS", "").split()
    if len(sys.argv) > 3:
        made = [(path, Tokenizer.from_file(path)) for path in sys.argv[3:]]
    else:
        made = [(kind.__name__, kind()) for kind in KINDS if not only or kind.__name__ in only]
    bad = sum(compare(name, tok, program, all_texts) for name, tok in made)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
