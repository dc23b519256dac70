from __future__ import annotations

from ace_agent.references.name_matching import spellings
from ace_agent.references.synonyms import lookup_synonyms, rewording_synonyms
from ace_agent.references.vocabulary import NOUNS


def test_a_synonym_is_of_one_noun_and_no_noun_itself() -> None:
    for table in (lookup_synonyms(), rewording_synonyms()):
        assert not set(table) & set(NOUNS)
    both = set(lookup_synonyms()) & set(rewording_synonyms())
    assert {word for word in both if lookup_synonyms()[word] != rewording_synonyms()[word]} == set()


def test_lookups_lead_to_nouns_that_have_a_picture() -> None:
    assert set(lookup_synonyms().values()) <= set(NOUNS)


def test_some_words_are_only_looked_up_and_some_only_reworded() -> None:
    """A "grandma" has a picture and stays in the instruction; a "gateau" is planned as a birthday cake."""
    assert lookup_synonyms()["grandma"] == "old woman" and "grandma" not in rewording_synonyms()
    assert rewording_synonyms()["gateau"] == "birthday cake" and "gateau" not in lookup_synonyms()


def test_spellings_include_plurals_of_synonyms() -> None:
    known = spellings(["dog", "jeans"])
    assert known["puppies"] == known["dogs"] == "dog"
    assert known["trousers"] == "jeans" and "jeanses" not in known
