"""Expressions that are malformed, or mean as much work as they can; the same ones for the same seed."""

import random
from collections.abc import Callable, Iterator

from fhirserver.fhirpath.ast import BINDING
from fhirserver.fhirpath.functions import FUNCTIONS

_VALID = (
    "Observation.component.where(code.text = 'a').value.ofType(string)",
    "component.code.coding.exists(system = 'http://loinc.org' and code != '1')",
    "(value as Quantity).value * 2.5 > 1 'mg' or effective + 3 months >= @2024-02-29T10:00:00Z",
    "contained.ofType(Patient).birthDate.toString().matches('^[0-9]{4}(-[0-9]{2})?$')",
    "component.aggregate(iif($total.empty(), $index, $total + $index), 0).trace('t')",
    "descendants().select($this.extension('u').value | %resource.id).distinct().count() mod 3",
    "component.defineVariable('c').select(%c.count() + %context.component.count())",
)
_ALPHABET = "abz019 .,()[]{}'\"`%$@|&+-*/<>=!~\\\n\t\x00é\ud800😀"
_PATTERNS = (
    *("(a+)+$", "(a|a)*b", "(a*)*c", "(.*a){20}", "((a{1,100}){1,10})", "(?=a)b", "(a)\\1", "[", "a{2000}", "(?<n>a)$"),
    *("(((a{30}){30}){30}){30}", "\\p{Greek}+", "(?i:x)*", ".*.*.*.*=.*", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$"),
)
_LEAVES = (
    *(
        "1",
        "0",
        "-1",
        "10.power(18)",
        "1.0e5",
        "99999999999999999999",
        "0.00000000000000000001",
        "'aaaaaaaa'",
        "''",
        "{}",
    ),
    *(
        "true",
        "component",
        "descendants()",
        "%resource",
        "$this",
        "$index",
        "$total",
        "@9999-12-31",
        "@0001",
        "@T23:59",
    ),
    *("1 'kg'", "3 years", "7 '[degF]'", "value", "effective", "Quantity", "id", "%factory", "%`vs-x`", "5L"),
)


def expressions(seed: int, count: int) -> Iterator[str]:
    """Yield ``count`` expressions."""
    chance = random.Random(seed)
    for _ in range(count):
        yield chance.choice(_MAKERS)(chance)


def _noise(chance: random.Random) -> str:
    return "".join(chance.choices(_ALPHABET, k=chance.randint(0, 60)))


def _damaged(chance: random.Random) -> str:
    text = chance.choice(_VALID)
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.randint(0, 4))
        text = text[:start] + "".join(chance.choices(_ALPHABET, k=chance.randint(0, 3))) + text[end:]
    return text


def _deep(chance: random.Random) -> str:
    depth = chance.choice((10, 90, 101, 1_000, 20_000))
    opening, closing = chance.choice(
        (("(", ")"), ("-", ""), ("select(", ")"), ("repeat(", ")"), ("iif(true, ", ")"), ("a[", "]"), ("not(", ")"))
    )
    return opening * depth + chance.choice(_LEAVES) + closing * depth


def _long(chance: random.Random) -> str:
    operator = f" {chance.choice(sorted(BINDING))} "
    return operator.join([chance.choice(_LEAVES)] * chance.choice((50, 99, 5_000, 20_000)))


def _chained(chance: random.Random) -> str:
    call = chance.choice(
        (
            *(".replaceMatches('(.)', '$1$1$1$1')", ".replace('a', 'aaaa')", ".replace('', 'xy')", ".encode('hex')"),
            *(".select($this & $this)", ".select($this | $this.toString())", ".combine($this)", ".escape('html')"),
            *(".descendants()", ".repeat($this)", ".children()", ".toChars()", ".split('a').join('bb')", ".upper()"),
            ".select(descendants().descendants())",
        )
    )
    return chance.choice(_LEAVES) + call * chance.choice((2, 8, 40, 95))


def _growing(chance: random.Random) -> str:
    return chance.choice(
        (
            *(
                "1.repeat($this + 1)",
                "1.repeatAll($this)",
                "'a'.repeat($this & 'a')",
                "descendants().repeat(descendants())",
            ),
            "descendants().select(%resource.descendants().select(%resource.descendants().count()))",
            "descendants().aggregate($total | %resource.descendants())",
            "descendants().aggregate($total.combine($total).combine($this), 1 | 2)",
            "descendants().where(%resource.descendants().where($this.toString() = '1').exists()).count()",
            "descendants().sort(-$this.toString(), %resource.descendants().count())",
            "repeat(repeat(repeat(repeat(repeat(repeat(repeat(repeat(repeat(component | code))))))))) ",
            "1.repeat($this + 1).select($this & 'x').sort()",
            "1.repeat($this + 0.001).distinct().count()",
            "(1 | 2 | 3).repeat($this * 1 'd' | $this * 1 hour)",
            "descendants().intersect(descendants()).exclude(descendants()).subsetOf(descendants())",
            "descendants() ~ descendants().tail()",
            "@2024.repeat($this + 1 day | $this - 1 year)",
            "10.power(6000).exp().power(10.power(6000)).toString()",
            "(1 'm' * 1 'm').aggregate($total * $this) * 9 '[in_i]' / 7 'wk'",
        )
    )


def _matching(chance: random.Random) -> str:
    text = "'" + chance.choice(("a", "ab", "x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!")) + "'"
    text += ".replace('a', 'aaaaaaaaaa')" * chance.randint(0, 5)
    function = chance.choice(
        ("matches({0})", "matchesFull({0})", "replaceMatches({0}, '$0$0')", "replaceMatches({0}, '')")
    )
    return f"{text}.{function.format(repr(chance.choice(_PATTERNS)))}"


def _nested(chance: random.Random) -> str:
    """Call any functions and operators on anything."""
    text = chance.choice(_LEAVES)
    for _ in range(chance.randint(1, 8)):
        name = chance.choice(sorted(FUNCTIONS))
        arguments = ", ".join(chance.choice((*_LEAVES, text)) for _ in range(chance.randint(0, 3)))
        shape = chance.choice(("({0}).{1}({2})", "({0}) {3} ({2})", "descendants().{1}({0})", "({0}).{1}()"))
        text = shape.format(text, name, arguments, chance.choice(sorted(BINDING)))
        if len(text) > 5_000:
            break
    return text


_MAKERS: tuple[Callable[[random.Random], str], ...] = (
    *(_noise, _damaged, _damaged, _deep, _long, _chained, _growing, _matching, _nested, _nested, _nested, _nested),
)
