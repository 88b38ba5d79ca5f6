"""Conversations for models/tiny-writer: stories, poems, haiku and small talk, made from words written for this project.

`Writer(seed).conversation()` returns a list of {"role", "content"} messages. A story is walked through its stages
(opening, wish, trouble, help, ending); each stage draws one of many sentences and fills in the same hero, place and
friend, so that a text holds together. What cannot be answered (facts, sums) is declined in words of its own.

Run it to print samples:  python writer_corpus.py 5
"""

from __future__ import annotations

import pathlib
import random
import re
import sys
from dataclasses import dataclass, field

import writer_phrases as phrases

DATA = pathlib.Path(__file__).resolve().parent / "data"
PRONOUNS = {"she": ("she", "her", "her"), "he": ("he", "him", "his"), "it": ("it", "it", "its"), "they": ("they", "them", "their")}
PLURALS = {"stars", "dreams"}
MASS = {"snow", "rain", "bread", "coffee", "love", "hope", "time", "friendship", "dreams", "silence", "loneliness", "happiness",
        "sadness", "freedom", "home", "stars", "spring", "summer", "autumn", "winter", "fog", "night"}


@dataclass
class Topic:
    """One row of writer_topics.txt, or a bare noun of which nothing more is known."""

    name: str
    kind: str
    adjectives: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    doings: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        return self.kind in ("animal", "person")

    def article(self) -> str:
        """"a fox", "an owl", "rain"."""
        return self.name if self.name in MASS else with_article(self.name)

    def the(self) -> str:
        return self.name if self.kind == "idea" else f"the {self.name}"


def with_article(words: str) -> str:
    vowel = words[0] in "aeiou" and not words.startswith(("uni", "one", "use")) or words.startswith("hon") and not words.startswith("honey")
    return ("an " if vowel else "a ") + words


def load_topics() -> list[Topic]:
    topics = []
    for line in (DATA / "writer_topics.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, kind, adjectives, places, doings, images = (part.strip() for part in line.split("|"))
        topics.append(Topic(name, kind, adjectives.split(", "), places.split(", "), doings.split("; "), images.split("; ")))
    return topics


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class Writer:
    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.topics = load_topics()
        self.alive = [t for t in self.topics if t.alive]
        self.last_slots: dict[str, str] = {}
        self.lifeless = [t for t in self.topics if not t.alive]

    def pick(self, items):
        return items[int(self.rng.random() * len(items))]

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def sample(self, items, count: int):
        return self.rng.sample(items, min(count, len(items)))

    # -- topics ------------------------------------------------------------------------------------------------

    def bare_topic(self) -> Topic:
        """A noun without a row: the text can only name it, which teaches the writer to copy words from the request."""
        kind, words = self.pick([("animal", phrases.MORE_ANIMALS), ("person", phrases.MORE_PERSONS), ("thing", phrases.MORE_THINGS)])
        noun = self.pick(words)
        return Topic(noun, kind, self.sample(phrases.PLAIN_ADJECTIVES[kind], 3), self.sample(phrases.PLAIN_PLACES, 2),
                     self.sample(phrases.PLAIN_DOINGS[kind], 3), self.sample(phrases.PLAIN_IMAGES, 3))

    def topic(self) -> Topic:
        return self.bare_topic() if self.chance(0.22) else self.pick(self.topics)

    def hero(self) -> Topic:
        return self.bare_topic() if self.chance(0.05) else self.pick(self.alive)

    # -- stories -----------------------------------------------------------------------------------------------

    def fill(self, text: str, slots: dict[str, str]) -> str:
        text = re.sub(r"\{(\w+)\}", lambda m: slots[m.group(1)], text)
        text = re.sub(r"\ba (?=[aeiou](?!ni|ne |se)|honest)", "an ", text)
        return re.sub(r"((?:^|(?:said|asked), |[.!?] |[.!?]\" |\n|: )\"|^|[.!?] |\.\" |\n)([a-z])", lambda m: m.group(1) + m.group(2).upper(), text)

    def slots_for(self, topic: Topic, name: str | None, friend: Topic | None) -> dict[str, str]:
        """Words that every stage of one story shares."""
        hero = topic if topic.alive else Topic(self.pick(["girl", "boy", "woman", "man", "child"]), "person",
                                               self.sample(phrases.PLAIN_ADJECTIVES["person"], 3))
        gender = self.gender(hero, name)
        name = name or self.pick(phrases.NAMES_HER if gender == "she" else phrases.NAMES_HIM)
        friend = friend or self.pick([t for t in self.alive if t.name != topic.name])
        they, them, their = PRONOUNS[gender]
        adjectives = self.sample(hero.adjectives, 2)
        return {"hero": hero.name, "name": name, "they": they, "them": them, "their": their, "adj": adjectives[0],
                "adj2": adjectives[-1], "place": self.pick(topic.places), "doing": self.pick(topic.doings),
                "topic": topic.name, "the_topic": topic.the(), "a_topic": topic.article(),
                "topic_adj": self.pick(topic.adjectives), "friend": friend.name, "friend_adj": self.pick(friend.adjectives),
                "friend_name": self.pick([n for n in phrases.NAMES_HER + phrases.NAMES_HIM if n != name]),
                "lost": self.pick(phrases.LOST_THINGS), "gift": self.pick(phrases.GIFTS), "weather": self.pick(phrases.WEATHER),
                "food": self.pick(phrases.FOODS), "time": self.pick(phrases.TIMES), "season": self.pick(phrases.SEASONS),
                "far": self.pick(phrases.FAR_PLACES), "skill": self.pick(phrases.SKILLS), "sound": self.pick(phrases.SOUNDS)}

    def gender(self, hero: Topic, name: str | None = None) -> str:
        """The name decides if there is one, then the kind of hero, then chance."""
        if name:
            return "she" if name in phrases.NAMES_HER else "he"
        if hero.name in phrases.FEMALE:
            return "she"
        if hero.name in phrases.MALE:
            return "he"
        return self.pick(["she", "he"])

    def story(self, topic: Topic, mood: str = "happy", name: str | None = None, friend: Topic | None = None,
              size: str = "normal", opener: str | None = None) -> str:
        slots = self.last_slots = self.slots_for(topic, name, friend)
        plot = self.pick(phrases.PLOTS_ALIVE if topic.alive else phrases.PLOTS_THING)
        stages = [opener or self.pick(phrases.OPENINGS_ALIVE if topic.alive else phrases.OPENINGS_THING)]
        if topic.alive and size != "short" and self.chance(0.5):
            stages.append(self.pick(phrases.HABITS))
        for number, options in enumerate(plot):
            line = self.pick(self.fitting(options, stages))
            if size != "short" or number in (0, len(plot) - 1) or "a {friend_adj}" in line:
                stages.append(line)
        extra = self.fitting(phrases.DIALOGUE + phrases.INTERLUDES, stages)
        if size == "long":
            stages[-1:-1] = self.sample(extra, 3)
        elif size == "normal" and self.chance(0.3):
            stages.insert(-1, self.pick(extra))
        stages.append(self.pick(self.fitting(phrases.ENDINGS[mood], stages)))
        text = [self.fill(s, slots) for s in stages]
        if size == "short":
            return " ".join(text)
        cut = len(text) // 2 if len(text) > 5 else len(text)
        body = " ".join(text[:cut]) + ("\n\n" + " ".join(text[cut:]) if text[cut:] else "")
        if self.chance(0.3):
            body = self.title(slots) + "\n\n" + body
        return body

    def fitting(self, options: list[str], before: list[str]) -> list[str]:
        """Leaves out sentences that speak of the friend before anybody has met one."""
        if any("{friend}" in line for line in before):
            return options
        return [o for o in options if "a {friend_adj} {friend}" in o or not re.search(r"\{friend\}|friends|them laugh|\b[Tt]hey\b", o)] or options

    def title(self, slots: dict[str, str]) -> str:
        words = self.fill(self.pick(phrases.TITLES), slots).split(" ")
        return " ".join(w if n and w in ("a", "an", "the", "and", "of", "in", "to", "for", "on") else capital(w) for n, w in enumerate(words))

    def sequel(self) -> str:
        """Goes on with the people and places of the story told last."""
        lines = [self.pick(phrases.SEQUEL_START), *self.sample(phrases.SEQUEL_MIDDLE, self.pick([1, 2])),
                 self.pick(phrases.DIALOGUE + phrases.INTERLUDES), self.pick(phrases.ENDINGS["happy"])]
        return " ".join(self.fill(line, self.last_slots) for line in lines)

    # -- verse -------------------------------------------------------------------------------------------------

    def poem(self, topic: Topic, mood: str = "happy") -> str:
        make = self.pick([self.couplets, self.couplets, self.free_verse, self.quatrain])
        return make(topic, mood)

    def verse_slots(self, topic: Topic) -> dict[str, str]:
        doings = self.sample(topic.doings, 3)
        return {"the": topic.the(), "adj": topic.adjectives[0], "adj2": topic.adjectives[-1], "a": topic.article(),
                "name": topic.name, "do": doings[0], "do2": doings[-1], "place": self.pick(topic.places),
                "is": "are" if topic.name in PLURALS else "is"}

    def couplets(self, topic: Topic, mood: str) -> str:
        slots = self.verse_slots(topic)
        first = self.fill(self.pick(phrases.COUPLETS_FIRST), slots)
        rest = [self.fill(c, slots) for c in self.sample(phrases.COUPLETS[mood], self.pick([1, 2, 2, 3]))]
        return "\n".join([first] + rest)

    def quatrain(self, topic: Topic, mood: str) -> str:
        slots = self.verse_slots(topic)
        images = [capital(i) for i in self.sample(topic.images, 3)]
        return "\n".join([images[0] + ",", images[1] + ",", self.fill(capital(self.pick(phrases.VERSE_TURN)), slots),
                          self.fill(capital(self.pick(phrases.VERSE_END[mood])), slots)])

    def free_verse(self, topic: Topic, mood: str) -> str:
        slots = self.verse_slots(topic)
        images = self.sample(topic.images, 3)
        lines = [self.fill(self.pick(phrases.VERSE_OPEN), slots), capital(images[0]) + ",", images[-1] + "."]
        if self.chance(0.6):
            lines += ["", self.fill(capital(self.pick(phrases.VERSE_TURN)), slots)]
        lines.append(self.fill(capital(self.pick(phrases.VERSE_END[mood])), slots))
        return "\n".join(lines)

    def haiku(self, topic: Topic) -> str:
        theme = phrases.HAIKU_THEME.get(topic.name) or phrases.HAIKU_KIND.get(topic.kind, "night")
        first, middle, last = phrases.HAIKU[theme]
        opening = self.pick(first)
        beats = phrases.SYLLABLES.get(topic.name)
        if beats and self.chance(0.85):
            opening = self.pick(phrases.HAIKU_FIRST[beats]).replace("{t}", topic.name)
            opening = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", opening)
        return "\n".join([capital(opening), self.pick(middle), self.pick(last)])

    # -- other small forms -------------------------------------------------------------------------------------

    def description(self, topic: Topic) -> str:
        slots = self.verse_slots(topic)
        images = self.sample(topic.images, 2)
        return self.fill(self.pick(phrases.DESCRIPTIONS), {**slots, "image": images[0], "image2": images[-1]})

    def letter(self, topic: Topic) -> str:
        who = self.pick(phrases.NAMES_HER + phrases.NAMES_HIM)
        slots = {**self.verse_slots(topic), "sign": self.pick(phrases.NAMES_HER + phrases.NAMES_HIM), "to": who,
                 "weather": self.pick(phrases.WEATHER), "food": self.pick(phrases.FOODS)}
        return "\n\n".join(self.fill(self.pick(part), slots) for part in phrases.LETTER)

    def titles(self, topic: Topic) -> str:
        slots = self.verse_slots(topic)
        found = self.sample(phrases.TITLE_IDEAS, 4)
        return "\n".join(f"{n}. {self.fill(t, {k: v.title() if k in ('name', 'adj', 'adj2') else v for k, v in slots.items()})}" for n, t in enumerate(found, 1))

    # -- requests ----------------------------------------------------------------------------------------------

    def ask(self, options: list[str], topic: Topic, **more: str) -> str:
        text = self.pick(options).format(t=topic.article(), the=topic.the(), name=topic.name, **more)
        return self.scruff(text)

    def scruff(self, text: str) -> str:
        """Requests as people type them."""
        if self.chance(0.12):
            text = self.pick(["please ", "hey, ", "hi! ", "can you ", "could you please ", "ok, ", "now "]) + text[0].lower() + text[1:]
        if self.chance(0.45):
            text = text[0].lower() + text[1:]
        if self.chance(0.1):
            text += self.pick([" please", ", please", " for my daughter", " for my friend", " for me"])
        return text + self.pick(["", "", "", ".", ".", "!", " :)" if self.chance(0.1) else ""])

    def story_turn(self) -> tuple[str, str, dict]:
        topic = self.topic()
        style = self.rng.random()
        if style < 0.55:
            mood = "happy"
            return self.ask(phrases.ASK_STORY, topic), self.story(topic, mood), {"form": "story", "topic": topic}
        if style < 0.67:
            mood = self.pick(["sad", "funny", "scary", "happy"])
            return self.ask(phrases.ASK_STORY_MOOD, topic, mood=mood), self.story(topic, mood), {"form": "story", "topic": topic}
        if style < 0.77:
            topic = self.hero()
            gender = self.gender(topic)
            name = self.pick(phrases.NAMES_HER if gender == "she" else phrases.NAMES_HIM)
            return self.ask(phrases.ASK_STORY_NAME, topic, n=name), self.story(topic, name=name), {"form": "story", "topic": topic}
        if style < 0.87:
            topic, friend = self.hero(), self.hero()
            while friend.name == topic.name:
                friend = self.hero()
            return self.ask(phrases.ASK_STORY_TWO, topic, f=friend.article()), self.story(topic, friend=friend), {"form": "story", "topic": topic}
        size = self.pick(["short", "short", "long"])
        return self.ask(phrases.ASK_STORY_SHORT if size == "short" else phrases.ASK_STORY_LONG, topic), \
            self.story(topic, size=size), {"form": "story", "topic": topic}

    def poem_turn(self):
        topic = self.topic()
        if self.chance(0.2):
            mood = self.pick(["sad", "happy"])
            return self.ask(phrases.ASK_POEM_MOOD, topic, mood=mood), self.poem(topic, mood), {"form": "poem", "topic": topic}
        return self.ask(phrases.ASK_POEM, topic), self.poem(topic), {"form": "poem", "topic": topic}

    def haiku_turn(self):
        topic = self.topic()
        return self.ask(phrases.ASK_HAIKU, topic), self.haiku(topic), {"form": "haiku", "topic": topic}

    def other_turn(self):
        topic = self.topic()
        form = self.pick(["description", "description", "letter", "titles"])
        options = {"description": phrases.ASK_DESCRIPTION, "letter": phrases.ASK_LETTER, "titles": phrases.ASK_TITLES}[form]
        return self.ask(options, topic), getattr(self, form)(topic), {"form": form, "topic": topic}

    def loose_turn(self):
        """"Stories about foxes", "a poem for my father": the noun in the plural, or somebody's own."""
        topic = self.hero() if self.chance(0.6) else self.topic()
        many = topic.name + ("es" if topic.name.endswith(("x", "s", "sh", "ch")) else "s")
        if topic.name in MASS or topic.name.endswith(("y", "man", "f", "fe")) or topic.name in ("mouse", "goose", "sheep", "fish", "deer", "child"):
            many = topic.name
        ask = self.pick(phrases.ASK_MANY + phrases.ASK_MY)
        form = "poem" if "poem" in ask or "lines" in ask else "story"
        return self.scruff(ask.format(s=many, name=topic.name)), self.again(form, topic), {"form": form, "topic": topic}

    def open_turn(self):
        """A request without a topic."""
        topic = self.pick(self.topics)
        form, options = self.pick([("story", phrases.ASK_ANY_STORY), ("poem", phrases.ASK_ANY_POEM), ("haiku", phrases.ASK_ANY_HAIKU)])
        return self.scruff(self.pick(options)), getattr(self, form)(topic), {"form": form, "topic": topic}

    def continue_turn(self):
        topic = self.topic()
        text = self.story(topic, self.pick(["happy", "happy", "sad", "funny", "scary"]), size=self.pick(["normal", "short"]))
        text = text.split("\n\n", 1)[1] if re.match(r"^[^.!?]*\n\n", text) else text
        text = text.replace("\n\n", " ")
        words = text.split(" ")
        cut = self.rng.randrange(3, min(24, len(words) // 2)) if self.chance(0.75) else 4
        head, tail = " ".join(words[:cut]), " ".join(words[cut:])
        ask = self.pick(phrases.ASK_CONTINUE).format(text=head + self.pick(["", "", "..."]))
        return ask, tail, {"form": "story", "topic": topic}

    def opener_turn(self):
        """Continues an opening that names neither hero nor place."""
        topic = self.hero()
        head, follow = self.pick(phrases.BARE_OPENERS)
        slots = self.slots_for(topic, None, None)
        story = self.story(topic, self.pick(["happy", "sad", "scary", "funny"]), opener=follow, size="normal", name=slots["name"])
        story = re.sub(r"^[^.!?]*\n\n", "", story)
        return self.pick(phrases.ASK_CONTINUE).format(text=head + self.pick(["", "", "..."])), story[0].lower() + story[1:], {"form": "story", "topic": topic}

    def chat_turn(self):
        asks, answers = self.pick(phrases.CHAT)
        return self.scruff(self.pick(asks)), self.pick(answers), {"form": "chat", "topic": None}

    def follow_up(self, last: dict):
        """A next turn that leans on the one before: other mood, other length, once more, other topic, thanks."""
        form, topic = last["form"], last["topic"]
        if form == "chat" or topic is None or self.chance(0.2):
            return self.chat_turn() if self.chance(0.5) else self.first_turn()
        choice = self.rng.random()
        if form == "story" and self.last_slots and self.chance(0.25):
            if self.chance(0.6):
                return self.scruff(self.pick(phrases.ASK_NEXT)), self.sequel(), last
            title = self.title(self.last_slots)
            return self.scruff(self.pick(phrases.ASK_TITLE)), self.pick(phrases.TITLE_ANSWERS).format(title=title), last
        if choice < 0.25:
            return self.scruff(self.pick(phrases.ASK_AGAIN)), self.again(form, topic), last
        if choice < 0.45 and form in ("story", "poem"):
            mood = self.pick(["sad", "happy"] if form == "poem" else ["sad", "happy", "funny", "scary"])
            text = self.poem(topic, mood) if form == "poem" else self.story(topic, mood)
            return self.scruff(self.pick(phrases.ASK_MOOD_CHANGE).format(mood=mood)), text, last
        if choice < 0.58 and form == "story":
            size = self.pick(["short", "long"])
            return self.scruff(self.pick(phrases.ASK_SHORTER if size == "short" else phrases.ASK_LONGER)), self.story(topic, size=size), last
        if choice < 0.75:
            other = self.topic()
            return self.ask(phrases.ASK_OTHER_TOPIC, other), self.again(form, other), {"form": form, "topic": other}
        if choice < 0.85:
            other = self.pick(["poem", "haiku", "story"])
            return self.scruff(self.pick(phrases.ASK_AS_FORM).format(form=other)), self.again(other, topic), {"form": other, "topic": topic}
        thanks, answers = phrases.THANKS
        return self.scruff(self.pick(thanks)), self.pick(answers), {"form": "chat", "topic": topic}

    def again(self, form: str, topic: Topic) -> str:
        return getattr(self, form)(topic)

    def first_turn(self):
        draw = self.rng.random()
        for limit, make in ((0.30, self.story_turn), (0.36, self.loose_turn), (0.54, self.poem_turn), (0.63, self.haiku_turn), (0.70, self.other_turn),
                            (0.75, self.open_turn), (0.84, self.continue_turn), (0.88, self.opener_turn), (1.0, self.chat_turn)):
            if draw < limit:
                return make()
        return self.chat_turn()

    def conversation(self) -> list[dict[str, str]]:
        messages = []
        if self.chance(0.15):
            messages.append({"role": "system", "content": self.pick(phrases.SYSTEMS)})
        turns = 1 if self.chance(0.6) else self.pick([2, 2, 3, 4])
        last = None
        for _ in range(turns):
            user, answer, last = self.follow_up(last) if last else self.first_turn()
            messages += [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
        return messages


def main() -> None:
    writer = Writer(1)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
        for message in writer.conversation():
            print(f"<{message['role']}> {message['content']}")
        print("-" * 60)


if __name__ == "__main__":
    main()
