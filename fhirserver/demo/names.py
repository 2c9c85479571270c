"""Names as people of both sides of the border bear them, by origin, sex and generation."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Origin:
    """The family names of one origin, and the given names of three generations: born before 1955, 1990, and since."""

    families: tuple[str, ...]
    men: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    women: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _by_generation(old: str, middle: str, young: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return _split(old), _split(middle), _split(young)


_FRENCH_MEN: Final = _by_generation(
    "André Roger Jean-Pierre Raymond Noël Marcel Jean-Claude Gérard Léon Émile Jean-Marie Lucien René",
    "Philippe Thierry François Jérôme Frédéric Stéphane Benoît Cédric Grégory Rémi Sébastien Loïc",
    "Noah Hugo Théo Maël Jules Gaël Léo Mathéo Éthan Gabriel Nathan Côme",
)
_FRENCH_WOMEN: Final = _by_generation(
    "Marie-Thérèse Georgette Jeannine Andrée Noëlle Ghislaine Marie-Louise Huguette Renée Léonie Yvette Denise",
    "Véronique Françoise Céline Anne-Sophie Aurélie Bénédicte Hélène Gaëlle Marie-Ève Sandrine Virginie Élodie",
    "Zoé Chloé Inès Léa Maëlys Éléonore Loïse Camille Jade Noémie Anaë Juliette",
)

ORIGINS: Final = {
    "walloon": Origin(
        (
            *_split("Delvigne Dubois Lefèbvre Delhaye Duquesne Vanderhaeghen Mahieu Dumortier Delbecq Crombez Hoyaux"),
            *("Wattiez", "D'Haene", "de la Haye", "Van Cauwenberghe", "T'Kint"),
        ),
        _FRENCH_MEN,
        _FRENCH_WOMEN,
    ),
    "flemish": Origin(
        (
            "Van den Berghe", "D'Hondt", "Vandewalle", "De Smet", "Vanhoutte", "Callewaert", "Deceuninck", "Verhaeghe",
            "Van Overbeke", "T'Jampens", "De Clercq", "Vermeulen", "Van der Elst", "Dhaene", "Claeys", "Soetaert",
        ),
        _by_generation(
            "Gaston Roger Albert Maurits Jozef Lucien Cyriel André Willy Gilbert",
            "Geert Dirk Kris Koen Filip Bart Wouter Stijn Joris Jeroen",
            "Daan Lars Wout Milan Seppe Jef Arthur Stan Mathis Kobe",
        ),
        _by_generation(
            "Godelieve Maria Irène Jeannine Simonne Rosa Agnes Yvonne Paula Monique",
            "Katrien Ann Hilde Els Griet Veerle Sofie Lieve Annelies Ilse",
            "Lotte Noor Elise Louise Fien Amber Lore Renée Anaïs Febe",
        ),
    ),
    "french": Origin(
        (
            "Leroux", "Delattre", "Carpentier", "Dupont", "Lemaître", "Béthune", "Dhalluin", "Caudrelier", "Lesage",
            "Queva", "Hénaut", "Bécart", "Delcambre", "Wacquiez", "Fontaine", "du Pré", "Saint-Aubert", "L'Huillier",
        ),
        _FRENCH_MEN,
        _FRENCH_WOMEN,
    ),
    "breton": Origin(
        ("Le Goff", "Le Bihan", "Kervella", "Guéguen", "Le Floc'h"),
        _by_generation("Yves Jean-Yves Hervé", "Gwenaël Erwan Ronan", "Malo Ewen Titouan"),
        _by_generation("Annick Soizic Yvonne", "Gwenaëlle Rozenn Nolwenn", "Maïwenn Enora Lénaïg"),
    ),
    "italian": Origin(
        ("Esposito", "Di Stefano", "Lo Bue", "Bertolucci", "Conté", "Moretti", "Dell'Aquila", "Cannizzaro"),
        _by_generation("Salvatore Giuseppe Carmelo Antonio", "Fabrizio Giovanni Massimo Sandro", "Enzo Matteo Nino"),
        _by_generation("Concetta Carmela Giuseppina Rosaria", "Graziella Sabrina Sylvana", "Giulia Elena Chiara"),
    ),
    "turkish": Origin(
        _split("Özdemir Yıldırım Şahin Çelik Kılıç Öztürk Aydoğan"),  # noqa: RUF001 - the Turkish letter
        _by_generation("Mehmet İbrahim Süleyman", "Mustafa Hüseyin Ömer", "Emir Yiğit Çağan"),
        _by_generation("Fatma Emine Ayşe", "Gülşen Özlem Songül", "Zeynep Elif Büşra"),
    ),
    "maghrebi": Origin(
        ("El Amrani", "Benali", "Aït Saïd", "Bouzid", "Ben Youssef", "El Khattabi", "Haddad", "Zéroual"),
        _by_generation("Mohamed Ahmed Abdelkader", "Rachid Karim Saïd", "Yanis Ilyès Rayan"),
        _by_generation("Fatima Khadija Zohra", "Naïma Samira Leïla", "Lina Yasmine Inaya"),
    ),
    "polish": Origin(
        _split("Kowalczyk Wójcik Nowak Łukaszewski Szymański Woźniak"),
        _by_generation("Stanislas Casimir Édouard", "Thaddée Patrick Franck", "Adrien Maxence Tomasz"),
        _by_generation("Wanda Hélène Stéphanie", "Christine Nathalie Halina", "Maja Zofia Clara"),
    ),
    "portuguese": Origin(
        _split("Gonçalves Conceição Fernandes Magalhães Simões"),
        _by_generation("José António Manuel", "João Paulo Rui", "Tomás Duarte Afonso"),
        _by_generation("Maria Conceição Rosa", "Fátima Teresa Sónia", "Inês Beatriz Leonor"),
    ),
    "congolese": Origin(
        _split("Ilunga Kabongo Mukendi Tshibangu Mwamba Lukusa"),
        _by_generation("Dieudonné Joseph Célestin", "Trésor Patrice Héritier", "Exaucé Elikya Josué"),
        _by_generation("Bernadette Angélique Marie-José", "Espérance Divine Mireille", "Merveille Gloria Grâce"),
    ),
}  # fmt: skip

MIXES: Final = {
    "BE-fr": (
        ("walloon", 54),
        ("flemish", 10),
        ("italian", 12),
        ("turkish", 10),
        ("maghrebi", 7),
        ("congolese", 4),
        ("polish", 3),
    ),
    "BE-nl": (("flemish", 84), ("walloon", 6), ("turkish", 6), ("maghrebi", 4)),
    "FR-fr": (
        ("french", 58),
        ("polish", 12),
        ("maghrebi", 9),
        ("flemish", 5),
        ("italian", 4),
        ("portuguese", 4),
        ("breton", 8),
    ),
}
"""How often the origins occur, by country and language."""
