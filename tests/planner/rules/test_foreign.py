"""German, French, Spanish and Portuguese words in English."""

from __future__ import annotations

import pytest

from ace_agent.planner.interface import Context
from ace_agent.planner.parser.hybrid import HybridPlanner
from ace_agent.planner.rules.foreign import language, other_language, word_by_word
from ace_agent.planner.rules.refusals import UnreadLanguage


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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fai la macchina gialla", "Italian"),
        ("maak de auto rood", "Dutch"),
        ("gör bilen röd", "Swedish"),
        ("zrób niebo czerwone", "Polish"),
        ("arabayı kırmızı yap", "Turkish"),
    ],
)
def test_another_language_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(UnreadLanguage, match=f"this seems to be {name}"):
        HybridPlanner().plan(text, Context())


@pytest.mark.parametrize(
    "text",
    ["a red car in the desert", "put il Duce's portrait on the wall", "el gato en la mesa", "un chien sur la plage",
     "mach das auto rot", "um gato na praia", "make it more like a van", "a Dutch house with het written on it"],
)  # fmt: skip
def test_what_is_read_here_is_no_other_language(text: str) -> None:
    assert other_language(text) is None
