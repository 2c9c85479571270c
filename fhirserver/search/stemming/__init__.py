"""Stemming: the forms of a word become one, by the rules of its language.

The rules take words as ``words.tokens`` gives them: no case and no accents, ASCII where the language is.
"""
