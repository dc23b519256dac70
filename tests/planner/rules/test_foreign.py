"""German, French, Spanish and Portuguese words in English."""

from __future__ import annotations

import pytest

from ace_agent.planner.rules.foreign import language, word_by_word


@pytest.mark.parametrize(
    ("text", "tongue", "english"),
    [
        ("mach den Himmel dunkler", "de", "make the sky darker"),
        ("Füge einen kleinen Hund neben dem Haus", "de", "add a small dog next to the house"),
        ("der rote Hut", "de", "the red hat"),
        ("quita la lampara de la mesa", "es", "remove the lamp of the table"),
        ("escribe \"FELIZ CUMPLE\" arriba", "es", "write \"FELIZ CUMPLE\" top"),
        ("todo menos la flor roja", "es", "everything except the red flower"),
        ("mets un chapeau rouge sur le chien", "fr", "put a red hat on the dog"),
        ("rends la voiture verte", "fr", "make the green car"),
        ("tira o carro azul da rua", "pt", "remove the blue car of street"),
        ("faz o céu mais escuro", "pt", "make the sky darker"),
    ],
)  # fmt: skip
def test_words_abroad_in_english(text: str, tongue: str, english: str) -> None:
    assert language(text) == tongue
    assert word_by_word(text) == english


@pytest.mark.parametrize(
    "text",
    ["make it night", "a café in the old town", "no, I mean the dog", "a red car in a meadow",
     "put the cat on the sofa", "remove all the people", "paint it in the style of El Greco", "a la carte menu",
     "die cut sticker of a fox", "write \"bitte nicht stören\" on the door", "a rose", "crop it to 16:9",
     "Van Gogh style", "les paul guitar on a wall", "remvoe teh dog", "sombre mood", "what can you do",
     "per favore togli il cane", "haal de hond weg"],
)  # fmt: skip
def test_english_and_unknown_languages_are_left_alone(text: str) -> None:
    assert language(text) is None
    assert word_by_word(text) == text
