"""What the text of a term is tested for, where it is not its whole."""

from enum import StrEnum


class TextTest(StrEnum):
    """What the text of a term is tested for."""

    ENDS = "ends"
    """It ends with the text."""
    WORDS = "words"
    """The text is some of its words, one after the other."""
    WORD_STARTS = "word starts"
    """The same, and the last of them may go on."""
    STARTS_IN_ANY_CASE = "starts in any case"
    """It starts with the text, upper and lower case letters of ASCII being the same."""
