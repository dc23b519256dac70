"""Rephrase a request in a voice: plain, colloquial, long-winded, terse, with typos, or in a learner's English."""

from __future__ import annotations

import random
import re

from ace_agent.planner.english.tables import wordset

VOICES = ("plain", "colloquial", "long", "terse", "typo", "foreign")
_POLITE = (
    "please {}",
    "{} please",
    "could you {}",
    "can you {}?",
    "{}, thanks",
    "I'd like you to {}",
    "now {}",
    "{}",
)
_CHATTY = (
    "yo {}", "{} pls", "ok so {}", "hmm {}", "{} lol", "hey, {}", "{} thx", "alright {}", "can u {}", "{} if u can",
)  # fmt: skip
_PREAMBLES = (
    "I have been looking at this for a while and I think it could be better. Could you {}?",
    "My sister saw it yesterday and had an idea: {}.",
    "We need this for a flyer by Friday, so please {}.",
    "Thanks, that is nearly what I wanted, but now I would like you to {}.",
    "It is for my grandmother's birthday. Would you mind and {}?",
    "I am not sure how to put it, but {}, if that is possible.",
)
_SHORT = {
    "please": "pls",
    "you": "u",
    "the": "da",
    "with": "w/",
    "picture": "pic",
    "background": "bg",
    "and": "n",
    "give me": "gimme",
}


class Speaker:
    """Rephrases requests, drawing from one random stream."""

    def __init__(self, stream: random.Random) -> None:
        self.random = stream

    def say(self, request: str, voice: str) -> str:
        """Rephrase a request in a voice."""
        if voice == "plain":
            # "could you" fits only before an imperative
            polite = _POLITE if request.split(" ")[0] in wordset("strong") | wordset("weak") else _POLITE[:2]
            request = self.random.choice(polite).format(request)
            return request[:1].upper() + request[1:] + self.random.choice((".", "", ""))
        if voice == "colloquial":
            for word, short in _SHORT.items():
                if self.random.random() < 0.3:
                    request = re.sub(rf"\b{word}\b", short, request)
            return self.random.choice(_CHATTY).format(request).lower() if '"' not in request else request
        if voice == "long":
            return self.random.choice(_PREAMBLES).format(request)
        if voice == "typo":
            words = len(request.split(" "))
            return slipped(request, self.random, self.random.randint(1, max(1, words // 4)))
        if voice == "foreign":
            return self._foreign(request)
        return re.sub(r"\b(the|a|an) ", "", request) if self.random.random() < 0.5 else request

    def _foreign(self, request: str) -> str:
        changes = (
                (r"\b(the|a|an) ", ""), (r"^make ", "please to make "), (r"\bput\b", "to put"),
            (r"^add ", "please add one "), (r"\bI'd like\b", "I am wanting"), (r"\bof\b", "from"),
            (r"^(.*)$", r"I want that you \1"), (r"\bbigger\b", "more big"),
        )  # fmt: skip
        for pattern, new in self.random.sample(changes, 3):
            request = re.sub(pattern, new, request)
        return request


def slipped(request: str, stream: random.Random, count: int) -> str:
    """A request with up to `count` slips of typing: letters swapped, left out or doubled."""
    words = request.split(" ")
    for _ in range(count):
        at = stream.randrange(len(words))
        word = words[at]
        if len(word) < 4 or not word.isalpha():
            continue
        place = stream.randrange(1, len(word) - 1)
        kind = stream.random()
        if kind < 0.4:
            word = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        elif kind < 0.7:
            word = word[:place] + word[place + 1 :]
        else:
            word = word[:place] + word[place] + word[place:]
        words[at] = word
    return " ".join(words)
