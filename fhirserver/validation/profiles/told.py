"""The texts of what a profile asks of an element."""

from typing import Final

from fhirserver.validation.said import Text

TOO_FEW: Final = Text(
    "element-min",
    en="{path} must have `{0}` at least {1} times, as the profile `{2}` asks.",
    fr="{path} doit avoir `{0}` au moins {1} fois, comme le demande le profil `{2}`.",
    nl="{path} moet `{0}` minstens {1} keer hebben, zoals het profiel `{2}` vraagt.",
)
TOO_MANY: Final = Text(
    "element-max",
    en="{path} must have `{0}` at most {1} times, as the profile `{2}` asks.",
    fr="{path} doit avoir `{0}` au plus {1} fois, comme le demande le profil `{2}`.",
    nl="{path} mag `{0}` hoogstens {1} keer hebben, zoals het profiel `{2}` vraagt.",
)
WRONG_TYPE: Final = Text(
    "element-type",
    en="{path} must be one of the types {0}, as the profile `{1}` asks.",
    fr="{path} doit être de l'un des types {0}, comme le demande le profil `{1}`.",
    nl="{path} moet van een van de types {0} zijn, zoals het profiel `{1}` vraagt.",
)
FIXED: Final = Text(
    "element-fixed",
    en="{path} must be exactly the value that the profile `{0}` fixes.",
    fr="{path} doit être exactement la valeur que fixe le profil `{0}`.",
    nl="{path} moet exact de waarde zijn die het profiel `{0}` vastlegt.",
)
PATTERN: Final = Text(
    "element-pattern",
    en="{path} must have all of the pattern that the profile `{0}` gives.",
    fr="{path} doit avoir tout ce que contient le modèle donné par le profil `{0}`.",
    nl="{path} moet alles hebben van het patroon dat het profiel `{0}` geeft.",
)
TOO_LOW: Final = Text(
    "element-min-value",
    en="{path} must not be less than the least value of the profile `{0}`.",
    fr="{path} ne doit pas être inférieur à la valeur minimale du profil `{0}`.",
    nl="{path} mag niet kleiner zijn dan de kleinste waarde van het profiel `{0}`.",
)
TOO_HIGH: Final = Text(
    "element-max-value",
    en="{path} must not be more than the largest value of the profile `{0}`.",
    fr="{path} ne doit pas être supérieur à la valeur maximale du profil `{0}`.",
    nl="{path} mag niet groter zijn dan de grootste waarde van het profiel `{0}`.",
)
TOO_LONG: Final = Text(
    "element-max-length",
    en="{path} must not have more than {0} characters, as the profile `{1}` asks.",
    fr="{path} ne doit pas dépasser {0} caractères, comme le demande le profil `{1}`.",
    nl="{path} mag niet meer dan {0} tekens hebben, zoals het profiel `{1}` vraagt.",
)
BOUND: Final = Text(
    "binding-required",
    en="{path} must have a code of the value set `{0}`.",
    fr="{path} doit avoir un code du jeu de valeurs `{0}`.",
    nl="{path} moet een code van de waardeset `{0}` hebben.",
)
BOUND_LOOSELY: Final = Text(
    "binding-extensible",
    en="{path} should have a code of the value set `{0}`, unless none of them fits.",
    fr="{path} devrait avoir un code du jeu de valeurs `{0}`, sauf si aucun ne convient.",
    nl="{path} hoort een code van de waardeset `{0}` te hebben, tenzij er geen past.",
)
NOT_THE_PROFILE: Final = Text(
    "type-profile",
    en="{path} must be valid against one of the profiles {0}.",
    fr="{path} doit être valide selon l'un des profils {0}.",
    nl="{path} moet geldig zijn volgens een van de profielen {0}.",
)
WRONG_TARGET: Final = Text(
    "reference-target",
    en="{path} must refer to one of the types {0}.",
    fr="{path} doit faire référence à l'un des types {0}.",
    nl="{path} moet verwijzen naar een van de types {0}.",
)
TARGET_PROFILE: Final = Text(
    "reference-profile",
    en="{path} must refer to a resource that is valid against one of the profiles {0}.",
    fr="{path} doit faire référence à une ressource valide selon l'un des profils {0}.",
    nl="{path} moet verwijzen naar een resource die geldig is volgens een van de profielen {0}.",
)
AGGREGATION: Final = Text(
    "reference-aggregation",
    en="{path} must be a reference of the kinds {0}, as the profile `{1}` asks.",
    fr="{path} doit être une référence de l'un des modes {0}, comme le demande le profil `{1}`.",
    nl="{path} moet een verwijzing van een van de soorten {0} zijn, zoals het profiel `{1}` vraagt.",
)
SLICE_CLOSED: Final = Text(
    "slice-closed",
    en="{path} must be in one of the slices {0} of the profile `{1}`, which allows no others.",
    fr="{path} doit appartenir à l'une des tranches {0} du profil `{1}`, qui n'en permet pas d'autres.",
    nl="{path} moet in een van de slices {0} van het profiel `{1}` zitten, dat geen andere toelaat.",
)
SLICE_MIN: Final = Text(
    "slice-min",
    en="{path} must have `{0}` of the slice `{1}` at least {2} times, as the profile `{3}` asks.",
    fr="{path} doit avoir `{0}` de la tranche `{1}` au moins {2} fois, comme le demande le profil `{3}`.",
    nl="{path} moet `{0}` van de slice `{1}` minstens {2} keer hebben, zoals het profiel `{3}` vraagt.",
)
SLICE_MAX: Final = Text(
    "slice-max",
    en="{path} must have `{0}` of the slice `{1}` at most {2} times, as the profile `{3}` asks.",
    fr="{path} doit avoir `{0}` de la tranche `{1}` au plus {2} fois, comme le demande le profil `{3}`.",
    nl="{path} mag `{0}` van de slice `{1}` hoogstens {2} keer hebben, zoals het profiel `{3}` vraagt.",
)
SLICE_ORDER: Final = Text(
    "slice-order",
    en="{path} must stand in the order of the slices of the profile `{0}`.",
    fr="{path} doit suivre l'ordre des tranches du profil `{0}`.",
    nl="{path} moet de volgorde van de slices van het profiel `{0}` volgen.",
)
UNKNOWN_ELEMENT: Final = Text(
    "profile-element-unknown",
    en="{path} was not checked by `{0}` of the profile `{1}`: the type has no such element.",
    fr="{path} n'a pas été vérifié par `{0}` du profil `{1}` : le type n'a pas cet élément.",
    nl="{path} is niet gecontroleerd met `{0}` van het profiel `{1}`: het type heeft dit element niet.",
)
NO_DISCRIMINATOR: Final = Text(
    "slice-undecided",
    en="{path} was not checked by the slice `{0}` of the profile `{1}`: its discriminators do not tell it apart.",
    fr="{path} n'a pas été vérifié par la tranche `{0}` du profil `{1}` : ses discriminants ne la distinguent pas.",
    nl="{path} is niet gecontroleerd met de slice `{0}` van het profiel `{1}`: haar discriminators zeggen niets.",
)
SLICE_UNSURE: Final = Text(
    "slice-codes-unknown",
    en="{path} was not checked by the slices of the profile `{0}`: the codes that tell them apart are not known here.",
    fr="{path} n'a pas été vérifié par les tranches du profil `{0}` : les codes qui les distinguent sont inconnus ici.",
    nl="{path} is niet gecontroleerd met de slices van het profiel `{0}`: de codes daarvan zijn hier niet bekend.",
)
