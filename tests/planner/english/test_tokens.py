"""Tokens: phrases, quotations, slang."""

from __future__ import annotations

from ace_agent.planner.english.tokens import join_tokens, tokenize


def test_phrases_become_one_token_and_keep_their_spelling() -> None:
    tokens = tokenize("a T-shirt in black-and-white")
    assert [t.text for t in tokens] == ["a", "t shirt", "in", "black and white"]
    assert join_tokens(tokens) == "a T-shirt in black-and-white"
    assert tokens[1].has("GARMENT")
    assert tokens[3].has("GRAY")


def test_quotations_are_kept_whole() -> None:
    tokens = tokenize("write “Grand, Opening.” on it")
    assert tokens[1].text == '"Grand, Opening."'
    assert tokens[1].has("QUOTE")


def test_slang_is_spelt_out() -> None:
    assert [t.text for t in tokenize("gimme da pic w/ u")] == ["give me", "the", "picture", "with", "you"]
