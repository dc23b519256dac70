"""A request, read once for all who plan with it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import cached_property

from ace_agent.errors import PlanError
from ace_agent.planner.english.lexicon import single_words
from ace_agent.planner.english.spelling import mended
from ace_agent.planner.english.tokens import MAX_TOKENS, Token, tokenize
from ace_agent.planner.interface import Context
from ace_agent.planner.proposal import RequestSettings
from ace_agent.planner.rules import refusals
from ace_agent.planner.rules.descriptions import find_mentions
from ace_agent.planner.rules.follow_ups import in_full
from ace_agent.planner.rules.foreign import in_english, language, other_language, word_by_word
from ace_agent.planner.rules.image_index import ImageIndex
from ace_agent.planner.rules.mentions import IT, OTHER, THEM
from ace_agent.planner.rules.request_settings import extract_settings


class ParsedRequest:
    """A request with its tokens, settings and mentions of pictures, each worked out when first asked for.

    `follows_up` tells that it left out what the last turn said, which `asked` has.

    Args:
        request: what the person wrote.
        context: the conversation.

    Raises:
        PlanError: the request is empty, too long, or in no script that is read here. `tokens`, `settings` and
            `mentions` raise it for too many words, impossible settings, and pictures that do not exist.
    """

    def __init__(self, request: str, context: Context) -> None:
        said = refusals.check_text(request)
        self.asked = in_full(said, context)
        self.follows_up = self.asked != said
        english = in_english(self.asked)
        self.text = word_by_word(self.asked) if english == self.asked else english
        self.context = context

    @cached_property
    def images(self) -> ImageIndex:
        """The pictures that the request may mention."""
        return ImageIndex(self.context)

    @cached_property
    def language(self) -> str | None:
        """The language of the request; None for English, and for one that is not read here."""
        return language(self.asked)

    @cached_property
    def mended(self) -> str:
        """The request as it was written, without slips of typing."""
        return mended(self.asked, single_words(), self.images.vocabulary)

    @property
    def spoken(self) -> str:
        """What the parser reads: the request without slips, or in English as far as its words are known."""
        return self.mended if self.language is None else self.text

    @cached_property
    def words(self) -> tuple[Token, ...]:
        """All tokens of the request, slips corrected."""
        words = tuple(tokenize(self.text, self.images.vocabulary, mends=self.language is None))
        if len(words) > MAX_TOKENS:
            raise PlanError(
                f"the request has more than {MAX_TOKENS} words and marks", "say it in a few sentences"
            )
        return words

    @cached_property
    def _divided(self) -> tuple[tuple[Token, ...], RequestSettings]:
        tokens, settings = extract_settings(self.words)
        return tuple(tokens), settings

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens without those of the settings."""
        return self._divided[0]

    @property
    def settings(self) -> RequestSettings:
        """Size, seed, variations, steps and guidance that the request states."""
        return self._divided[1]

    @cached_property
    def mentions(self) -> tuple[Token, ...]:
        """The tokens with one in place of every phrase that stands for pictures."""
        return tuple(find_mentions(self.tokens, self.images))

    @property
    def named(self) -> list[str]:
        """The pictures that the request names, in order; no masks."""
        masks = {mask.id for mask in self.images.masks}
        ids = [i for token in self.mentions if token.has("IMG") for i in token.images]
        return [i for i in ids if i not in (IT, OTHER, THEM) and i not in masks]

    def answered(self, answers: Mapping[str, str]) -> ParsedRequest:
        """The same request, with phrases that fit several pictures each meaning one: `{phrase: id}`."""
        other = copy(self)
        other.__dict__.pop("mentions", None)
        other.images = ImageIndex(self.context, answers)
        return other

    @cached_property
    def off_topic(self) -> PlanError | None:
        """Why the request, as it was written, is not one for pictures; None if it may be."""
        if self.language is None and (other := other_language(self.asked)):
            return refusals.UnreadLanguage(other)
        return refusals.off_topic(self.text)
