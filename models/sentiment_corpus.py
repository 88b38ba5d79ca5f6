"""Sentences with a known mood, made from lexicons and frames written for this project.

The generator knows two labels, and a third kind of sentence, plain facts, that carries no mood: those are given to
the classifier with the soft target (0.5, 0.5), so that "The shop opens at nine." comes out undecided.

Run it to print samples:  python sentiment_corpus.py 20
"""

from __future__ import annotations

import pathlib
import random
import re
import sys
import zlib
from dataclasses import dataclass

from writer_phrases import MORE_ANIMALS, MORE_PERSONS, MORE_THINGS

DATA = pathlib.Path(__file__).resolve().parent / "data"
NEGATIVE, POSITIVE, NEUTRAL = 0, 1, 2
LABELS = ["NEGATIVE", "POSITIVE"]
THINGS = ["product", "film", "food", "travel", "weather", "work", "people"]


def read_lexicon(path: pathlib.Path) -> dict[str, list[str]]:
    """Sections of the lexicon file; `line_` sections keep whole lines, others split at commas."""
    sections: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            name = line.strip("[]")
            sections[name] = []
        elif name.startswith("line_"):
            sections[name].append(line)
        else:
            sections[name] += [w.strip() for w in line.split(",") if w.strip()]
    return sections


def read_aspects(path: pathlib.Path) -> list[tuple[str, list[str], list[str]]]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            aspect, good, bad = (part.strip() for part in line.split("|"))
            rows.append((aspect, [g.strip() for g in good.split(";")], [b.strip() for b in bad.split(";")]))
    return rows


@dataclass
class Pools:
    """The clause lists, with a share of them set aside so that unseen clauses can be scored."""

    lexicon: dict[str, list[str]]
    aspects: list[tuple[str, list[str], list[str]]]


def read_labelled(name: str) -> list[tuple[str, int]]:
    """A table of hand-written sentences from data/."""
    lines = (DATA / f"{name}.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [(text, LABELS.index(label)) for label, text in (line.split("\t") for line in lines)]


def set_aside(line: str) -> bool:
    """One line in seven of the last lexicon part never enters training. Its own checksum decides, so that the choice
    stays the same when lines are added."""
    return zlib.crc32(line.encode()) % 7 == 0


def load_pools(held_out: bool = False) -> Pools:
    """`held_out` gives the pools whose event clauses training never sees; otherwise the rest."""
    lexicon = read_lexicon(DATA / "sentiment_lexicon.txt")
    for name, items in read_lexicon(DATA / "sentiment_lexicon_2.txt").items():
        lexicon[name] = lexicon.get(name, []) + items
    for name, items in read_lexicon(DATA / "sentiment_lexicon_3.txt").items():
        kept = [line for line in items if set_aside(line) == held_out]
        lexicon[name] = kept if held_out else lexicon[name] + kept
    lexicon["plain_noun"] = MORE_ANIMALS + MORE_PERSONS + MORE_THINGS
    return Pools(lexicon, read_aspects(DATA / "sentiment_aspects.txt"))


PLURAL_ENDINGS = ("headphones", "earbuds", "jeans", "socks", "shoes", "boots", "sandals", "gloves", "noodles", "tacos",
                  "fries", "vegetables", "beans", "eggs", "pancakes", "waffles", "cookies", "dumplings", "effects",
                  "costumes", "jokes", "scissors")
LONG_ADVERBS = {"good": "well", "fast": "fast", "bad": "badly", "hard": "hard", "terrible": "terribly", "horrible": "horribly"}


def is_plural(noun: str) -> bool:
    return noun.endswith(PLURAL_ENDINGS)


def adverb(adjective: str) -> str:
    """"careful" → "carefully"; adjectives of several words are left to the caller."""
    if adjective in LONG_ADVERBS:
        return LONG_ADVERBS[adjective]
    if adjective.endswith("y"):
        return adjective[:-1] + "ily"
    if adjective.endswith("le"):
        return adjective[:-1] + "y"
    if adjective.endswith("ic"):
        return adjective + "ally"
    return adjective + "ly"


def article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


class Generator:
    """Draws sentences; `sentence()` returns (text, label)."""

    def __init__(self, seed: int, pools: Pools | None = None):
        self.rng = random.Random(seed)
        self.pools = pools or load_pools()
        self.lex = self.pools.lexicon
        self.clauses = [
            (10, self.thing_is_adjective), (5, self.negated_adjective), (5, self.verb_clause), (34, self.event),
            (14, self.aspect), (5, self.person_is), (4, self.person_did), (4, self.opinion), (4, self.noun_verdict),
            (4, self.feeling), (3, self.idiom), (3, self.full_of), (3, self.comparison), (3, self.exclaim),
            (3, self.list_of_adjectives), (3, self.adverbial), (2, self.wish), (3, self.never_seen), (2, self.no_nouns),
            (2, self.recommend), (2, self.so_that), (2, self.too_much), (2, self.without),
            (9, self.bag), (6, self.plain_and_word), (5, self.mood_opener),
        ]

    # -- small draws -------------------------------------------------------------------------------------------

    def pick(self, items):
        return items[int(self.rng.random() * len(items))]

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def word(self, stem: str, label: int) -> str:
        return self.pick(self.lex[f"{stem}_{'pos' if label == POSITIVE else 'neg'}"])

    def thing(self) -> str:
        """A noun of no mood of its own; many of them, so that none gets one by accident."""
        if self.chance(0.3):
            return self.pick(self.lex["plain_noun"])
        return self.pick(self.lex["thing_" + self.pick(THINGS)])

    def the_thing(self) -> tuple[str, bool]:
        noun = self.thing()
        lead = self.pick(["the", "the", "the", "this", "my", "our", "their", "his", "her", "that", "your", "the whole",
                          "the new", "the old"])
        if is_plural(noun):
            lead = {"this": "these", "that": "those", "the whole": "the"}.get(lead, lead)
        return f"{lead} {noun}", is_plural(noun)

    def be(self, plural: bool) -> str:
        return self.pick(["are", "were"] if plural else ["is", "was", "was"])

    def adjective(self, label: int) -> str:
        adj = self.word("adj", label)
        simple = " " not in adj
        if simple and self.chance(0.35):
            return f"{self.pick(self.lex['intens'])} {adj}"
        if simple and label == NEGATIVE and self.chance(0.08):
            return f"{self.pick(self.lex['hedge'])} {adj}"
        return adj

    # -- clauses of one mood -----------------------------------------------------------------------------------

    def thing_is_adjective(self, label):
        noun, plural = self.the_thing()
        verb = self.pick([self.be(plural)] * 4 + (["look", "seem", "felt", "looked", "turned out"] if plural else
                                                 ["looks", "feels", "felt", "seemed", "turned out", "proved"]))
        return f"{noun} {verb} {self.adjective(label)}"

    def negated_adjective(self, label):
        """The mood is turned by a negation: the adjective is of the other mood."""
        noun, plural = self.the_thing()
        other = 1 - label
        adj = self.word("adj", other)
        if label == NEGATIVE:
            neg = self.pick(["is not", "isn't", "was not", "wasn't", "is never", "is hardly", "is far from", "is anything but",
                             "was not at all", "wasn't very", "is not exactly", "isn't particularly", "is no longer",
                             "didn't seem", "doesn't feel", "was barely", "could not be called"])
        else:
            neg = self.pick(["is not", "isn't", "was never", "wasn't", "is not at all", "was not", "is anything but",
                             "is far from", "is never", "isn't in the least", "was by no means", "is no longer"])
        if plural:
            neg = re.sub(r"^isn't", "aren't", re.sub(r"^wasn't", "weren't", neg))
            neg = neg.replace("is ", "are ", 1).replace("was ", "were ", 1).replace("doesn't", "don't")
        return f"{noun} {neg} {adj}"

    def verb_clause(self, label):
        noun, _ = self.the_thing()
        return f"{noun} {self.pick(self.lex['verb_pos_s' if label else 'verb_neg_s'])}"

    def event(self, label):
        return self.pick(self.lex["line_event_pos" if label else "line_event_neg"])

    def aspect(self, label):
        name, good, bad = self.pick(self.pools.aspects)
        if self.chance(0.25):
            name = name.replace("the ", self.pick(["our ", "their ", "my ", "this "]), 1)
        return f"{name} {self.pick(good if label else bad)}"

    def person_is(self, label):
        who = self.pick(self.lex["people"])
        be = "were" if who in ("the staff", "the crew") else self.pick(["is", "was"])
        if self.chance(0.3):
            other = self.word("person", 1 - label)
            neg = self.pick(["not", "never", "not at all", "anything but", "far from"])
            if " " not in other:
                return f"{who} {be} {neg} {other}"
        quality = self.word("person", label)
        if " " not in quality and self.chance(0.4):
            quality = f"{self.pick(self.lex['intens'])} {quality}"
        if " " not in quality and self.chance(0.3):
            quality += " and " + self.word("person", label)
        return f"{who} {be} {quality}"

    def person_did(self, label):
        verb = self.pick(self.lex["verb_to_person_pos" if label else "verb_to_person_neg"])
        target = self.pick(self.lex["obj_person"])
        tail = self.pick(["", "", " again", " yesterday", " all day", " in front of everyone", " from the start", " last week",
                          " this morning", " when it mattered"])
        return f"{self.pick(self.lex['people'])} {verb} {target}{tail}"

    def opinion(self, label):
        noun, _ = self.the_thing()
        if self.chance(0.3):
            if label == NEGATIVE:
                return f"{self.pick(['i did not', 'we did not', 'i do not', 'i don’t', 'we never', 'nobody', 'i can’t'])} " \
                       f"{self.pick(['like', 'love', 'enjoy', 'recommend', 'trust', 'appreciate'])} {noun}"
            return f"{self.pick(['i never', 'we never', 'i did not', 'you will not'])} " \
                   f"{self.pick(['regret', 'regretted', 'dislike', 'get bored by', 'grow tired of'])} {noun}"
        verb = self.pick(self.lex["verb_love" if label else "verb_hate"])
        return f"{self.pick(['i', 'i', 'i', 'we', 'my kids', 'my friends', 'most people'])} {verb} {noun}"

    def noun_verdict(self, label):
        noun, plural = self.the_thing()
        verdict = self.word("noun", label)
        if self.chance(0.2):
            other = self.word("noun", 1 - label)
            return f"{noun} {'are' if plural else 'is'} no {other}"
        words = self.pick([article(verdict), "a real " + verdict, "an absolute " + verdict, "nothing but " + article(verdict)])
        return f"{noun} {self.be(plural)} {words}"

    def feeling(self, label):
        feel = self.word("feel", label)
        if self.chance(0.15):
            return f"{self.pick(['i am', 'i was', 'we were'])} {self.pick(['not', 'never', 'not at all', 'far from'])} " \
                   f"{self.word('feel', 1 - label)}"
        lead = self.pick(["i am", "i'm", "i was", "we were", "i feel", "i felt", "we left", "it made me feel", "it left us",
                          "everyone was", "my mother was", "the kids were", "she was", "he felt", "it makes you feel"])
        degree = f"{self.pick(self.lex['intens'])} " if " " not in feel and self.chance(0.3) else ""
        tail = ""
        if self.chance(0.4):
            tail = self.pick([" with ", " about ", " after "]) + self.the_thing()[0]
        return f"{lead} {degree}{feel}{tail}"

    def idiom(self, label):
        return self.pick(self.lex["line_idiom_pos" if label else "line_idiom_neg"])

    def full_of(self, label):
        noun, plural = self.the_thing()
        items = self.word("nplural", label)
        verb = "are" if plural else self.pick(["is", "was"])
        return self.pick([f"{noun} {verb} full of {items}", f"{noun} {'give' if plural else 'gives'} you nothing but {items}",
                          f"there was so much {items} in {noun}", f"we found {items} everywhere",
                          f"{noun} {'bring' if plural else 'brings'} {items} and {self.word('nplural', label)}"])

    def comparison(self, label):
        noun, plural = self.the_thing()
        be = self.be(plural)
        good = ["better than ever", "better than the last one", "much better than i expected", "nicer than in the pictures",
                "faster than my old one", "better than any i have had", "the best i have ever had", "the best in town",
                "one of the best of the year", "miles ahead of the rest", "the best part of the day", "above average",
                "a step up from before", "better than the reviews say", "far superior to the old one",
                "among the finest i know", "my favourite of all"]
        bad = ["worse than ever", "worse than the last one", "much worse than i feared", "uglier than in the pictures",
               "slower than my old one", "worse than any i have had", "the worst i have ever had", "the worst in town",
               "one of the worst of the year", "miles behind the rest", "the worst part of the day", "below average",
               "a step down from before", "not as good as the reviews say", "not nearly as good as the old one",
               "not what it used to be", "my least favourite of all", "less than what we were promised"]
        return f"{noun} {be} {self.pick(good if label else bad)}"

    def exclaim(self, label):
        adj = self.word("adj", label)
        noun = self.thing()
        if " " in adj or is_plural(noun):
            return f"what {article(self.word('noun', label))}"
        return self.pick([f"what {article(adj)} {noun}", f"such {article(adj)} {noun}", f"{adj} {noun}",
                          f"how {adj}", f"{article(adj)} {noun}", f"{adj}, just {self.word('adj', label)}"])

    def list_of_adjectives(self, label):
        a, b, c = (self.word("adj", label) for _ in range(3))
        noun, plural = self.the_thing()
        return self.pick([f"{a}, {b} and {c}", f"{noun} {self.be(plural)} {a} and {b}", f"{a} {self.thing()}, {b} {self.thing()}",
                          f"{noun}: {a}, {b}", f"simply {a} and {b}",
                          f"{a} {self.thing()}, {b} {self.thing()} and {c} {self.thing()}"])

    def adverbial(self, label):
        adj = self.word("adj", label)
        while " " in adj or adj.endswith(("ed", "ing", "ly")):
            adj = self.word("adj", label)
        adv = adverb(adj)
        noun, _ = self.the_thing()
        verb = self.pick(["works", "worked", "performed", "runs", "was written", "was handled", "was cooked", "was done",
                          "was made", "was run", "ended", "started", "went", "behaved", "was organised", "is designed"])
        if verb.startswith("was ") and self.chance(0.3):
            return f"{adv} {self.pick(['written', 'cooked', 'made', 'acted', 'planned', 'served', 'packed', 'built'])} {self.thing()}"
        return f"{noun} {verb} {adv}"

    def wish(self, label):
        noun, _ = self.the_thing()
        good = [f"i wish every {self.thing()} were like this", f"i could enjoy {noun} every day", f"i want {noun} to last forever",
                f"everyone should try {noun}", f"i would give {noun} ten stars if i could", f"they deserve a medal for {noun}"]
        bad = [f"i wish i had never bought {noun}", f"i wish i had stayed home", f"if only {noun} had been {self.word('adj', 1)}",
               f"i would give {noun} zero stars if i could", f"they should be ashamed of {noun}",
               f"nobody should have to put up with {noun}", f"i was hoping for something {self.word('adj', 1)} and got this",
               f"{noun} should have been {self.word('adj', 1)}", f"{noun} could have been {self.word('adj', 1)}"]
        return self.pick(good if label else bad)

    def never_seen(self, label):
        adj = self.word("adj", label)
        while " " in adj:
            adj = self.word("adj", label)
        noun = self.thing()
        verb = self.pick(["seen", "had", "met", "known", "bought", "found", "experienced"])
        return self.pick([f"i have never {verb} such {article(adj)} {noun}", f"one of the most {adj} {noun}s i have ever {verb}",
                          f"i have rarely {verb} a more {adj} {noun}", f"this is the most {adj} {noun} i know",
                          f"the most {adj} {noun} of my life"])

    def no_nouns(self, label):
        """"No flaws" is good, "no charm" is bad."""
        items = self.word("nplural", 1 - label)
        noun, plural = self.the_thing()
        return self.pick([f"{noun} {'have' if plural else 'has'} no {items}", f"no {items} at all", f"there were no {items}",
                          f"zero {items}", f"not a trace of {items}", f"no {items} and no {self.word('nplural', 1 - label)}",
                          f"{noun} {'lack' if plural else 'lacks'} {items}", f"i could not find any {items}"])

    def recommend(self, label):
        noun, _ = self.the_thing()
        if label:
            return self.pick([f"i recommend {noun} to everyone", f"{noun} comes highly recommended", f"go and try {noun}",
                              f"do not miss {noun}", f"you have to see {noun}", f"i would choose {noun} again any time",
                              f"give {noun} a chance, it is {self.word('adj', 1)}", f"treat yourself to {noun}",
                              f"you need {noun} in your life", f"do yourself a favour and get {noun}"])
        return self.pick([f"i do not recommend {noun} to anyone", f"i would not recommend {noun}", f"avoid {noun} at all costs",
                          f"stay away from {noun}", f"skip {noun}", f"think twice before you choose {noun}",
                          f"keep your hands off {noun}", f"do yourself a favour and skip {noun}",
                          f"i would rather go without than use {noun} again", f"nobody needs {noun}"])

    def so_that(self, label):
        noun, plural = self.the_thing()
        adj = self.word("adj", label)
        return f"{noun} {self.be(plural)} so {adj} that {self.event(label)}"

    def too_much(self, label):
        noun, plural = self.the_thing()
        if label:
            return self.pick([f"{noun} {self.be(plural)} {self.word('adj', 1)} enough for anyone",
                              f"you can never have too much of {noun}", f"{noun} could not be more {self.word('adj', 1)}",
                              f"{noun} {self.be(plural)} less {self.word('adj', 0)} than i feared"])
        return self.pick([f"{noun} {self.be(plural)} too {self.pick('long short small big loud slow hard soft expensive dark hot cold salty sweet tight heavy weak complicated'.split())}",
                          f"{noun} {self.be(plural)} far too {self.pick('long short small loud slow hard expensive dark hot cold salty sweet tight heavy weak complicated'.split())}",
                          f"{noun} could not be more {self.word('adj', 0)}",
                          f"{noun} {self.be(plural)} not {self.word('adj', 1)} enough",
                          f"{noun} {self.be(plural)} less {self.word('adj', 1)} than i hoped"])

    def without(self, label):
        noun, plural = self.the_thing()
        return f"{noun} {self.be(plural)} {self.word('adj', label)} without being {self.word('adj', 0)}" if label else \
            f"{noun} {self.be(plural)} {self.word('adj', 0)} without any {self.word('nplural', 1)}"

    def bag(self, label):
        """One or two loose words of the mood among plain words: the words alone have to decide."""
        plain = self.pick(self.lex["line_plain"] + self.lex["line_neutral"]).split()
        for _ in range(self.pick([1, 2, 2, 3])):
            plain.insert(self.rng.randrange(len(plain) + 1), self.word("flat", label))
        return " ".join(plain)

    def plain_and_word(self, label):
        plain = self.pick(self.lex["line_plain"])
        word = self.word("flat", label)
        return self.pick([f"{plain}, {self.word('adj', label)}", f"{plain} and it was {self.word('adj', label)}",
                          f"{plain} and {self.clause(label)}", f"{self.clause(label)} when {plain}", f"{plain}: {word}",
                          f"{word}, {self.word('flat', label)}, {self.word('flat', label)}", f"{plain}, {self.clause(label)}"])

    def mood_opener(self, label):
        """An adverb that colours a plain fact."""
        good = ["luckily", "happily", "thankfully", "fortunately", "to my delight", "i am glad that", "i love that", "it is great that",
                "good news", "what a joy that", "i was so happy when", "nice that", "i'm grateful that", "hooray"]
        bad = ["sadly", "unfortunately", "regrettably", "i am sorry to say that", "to my horror", "i hate that", "it is a shame that",
               "bad news", "i was furious when", "it pains me that", "i regret that", "what a pity that", "ugh", "alas"]
        return f"{self.pick(good if label else bad)}{self.pick([' ', ', '])}{self.pick(self.lex['line_plain'])}"

    def with_tail(self, text: str) -> str:
        """Times and places hang on clauses of either mood and so stay without one."""
        if self.chance(0.22):
            text = f"{text} {self.pick(self.lex['tail'])}"
        if self.chance(0.14):
            text = f"{self.pick(self.lex['lead'])}{self.pick([' ', ', '])}{text}"
        return text

    def clause(self, label: int) -> str:
        return self.with_tail(self.bare_clause(label))

    def bare_clause(self, label: int) -> str:
        total = sum(w for w, _ in self.clauses)
        mark = self.rng.random() * total
        for weight, make in self.clauses:
            mark -= weight
            if mark < 0:
                return make(label)
        return self.event(label)

    # -- whole sentences ---------------------------------------------------------------------------------------

    def single(self, label):
        return self.clause(label)

    def agreeing(self, label):
        return f"{self.clause(label)}{self.pick([' and ', ' and ', ', and ', '; ', '. ', ', ', '! ', ' because ', ', so '])}{self.clause(label)}"

    def contrast(self, label):
        """After "but" comes what the speaker means."""
        return f"{self.clause(1 - label)}{self.pick([', but ', ', but ', ' but ', ', yet ', '. still, ', '. however, ', ', and yet ', ', but in the end ', ', but honestly '])}{self.clause(label)}"

    def concession(self, label):
        lead = self.pick(["although", "even though", "though", "while", "despite the fact that", "even if"])
        weak, strong = self.clause(1 - label), self.clause(label)
        return f"{lead} {weak}, {strong}" if self.chance(0.6) else f"{strong}, {lead} {weak}"

    def expectation(self, label):
        noun, _ = self.the_thing()
        lead = self.pick(["i expected {} to be {}, but", "i thought {} would be {}, but", "people told me {} was {}, but",
                          "i was afraid {} would be {}, but", "the ad said {} was {}, but", "the reviews called {} {}, but",
                          "i was hoping {} would be {}, but", "{} used to be {}, but now"])
        return f"{lead.format(noun, self.word('adj', 1 - label))} {self.clause(label)}"

    def framed(self, label):
        frame = self.pick([
            "after a week, {}", "after two months, {}", "to be honest, {}", "honestly, {}", "i have to say that {}", "in short, {}",
            "i think {}", "in my opinion, {}", "all in all, {}", "once again, {}", "from day one, {}", "last night {}", "today {}",
            "yesterday {}", "it turns out that {}", "on top of that, {}", "as always, {}", "to my surprise, {}", "trust me, {}",
            "i can say that {}", "everyone agrees that {}", "my wife says {}", "we all felt that {}", "this time {}", "overall, {}",
            "no doubt about it, {}", "let me tell you, {}", "believe me, {}", "wow, {}", "by the way, {}", "{}, as usual",
            "{}, if you ask me", "{}, i must say", "{} once more", "{} every time", "{} from start to finish", "{} this year"])
        return frame.format(self.clause(label))

    def relieved(self, label):
        """Trouble that was put right, or a good start that went wrong."""
        if label:
            fix = self.pick(["they fixed it at once", "they replaced it for free", "the staff made up for it", "it was soon put right",
                             "they gave us a full refund", "someone came to help right away", "it all ended well",
                             "we had a wonderful time anyway", "nobody minded", "it did not spoil our fun",
                             "the next one was perfect", "it is still the best there is", "it was worth it in the end"])
            return f"{self.clause(0)}, but {fix}"
        spoil = self.pick(["it did not last", "that was the only good thing", "everything else was awful", "then it all went wrong",
                           "that does not make up for the rest", "it broke soon after", "the price is absurd",
                           "i would still not go back", "they ruined it in the end", "it is not worth the money",
                           "the second one was broken", "that is where the good news ends"])
        return f"{self.clause(1)}, but {spoil}"

    def context(self, label):
        return f"{self.pick(self.lex['line_neutral'] + self.lex['line_plain'])}{self.pick([' and ', '. ', ', and ', '; '])}{self.clause(label)}"

    def sarcasm(self, _label):
        return self.pick(self.lex["line_sarcasm_neg"])

    def neutral(self):
        text = self.with_tail(self.pick(self.lex["line_neutral"] + self.lex["line_plain"]))
        return text + ". " + self.pick(self.lex["line_neutral"]) if self.chance(0.2) else text

    def finish(self, text: str) -> str:
        """Case and punctuation as people type them."""
        text = text[0].upper() + text[1:] if self.chance(0.8) else text
        if self.chance(0.2):
            text = text.replace("'", "’") if self.chance(0.3) else text.replace(" is not ", " isn't ").replace(" did not ", " didn't ")
        return text + self.pick([".", ".", ".", ".", "!", "!", "", "!!", "..."])

    def sentence(self) -> tuple[str, int]:
        if self.chance(0.06):
            return self.finish(self.neutral()), NEUTRAL
        label = POSITIVE if self.chance(0.5) else NEGATIVE
        shape = self.rng.random()
        if shape < 0.46:
            text = self.single(label)
        elif shape < 0.60:
            text = self.framed(label)
        elif shape < 0.73:
            text = self.agreeing(label)
        elif shape < 0.82:
            text = self.contrast(label)
        elif shape < 0.87:
            text = self.concession(label)
        elif shape < 0.91:
            text = self.expectation(label)
        elif shape < 0.94:
            text = self.relieved(label)
        elif shape < 0.985 or label == POSITIVE:
            text = self.context(label)
        else:
            text = self.sarcasm(label)
        return self.finish(text), label


def main() -> None:
    generator = Generator(seed=1)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        text, label = generator.sentence()
        print(f"{(LABELS + ['(no mood)'])[label]}\t{text}")


if __name__ == "__main__":
    main()
