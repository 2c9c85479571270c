"""Where the record happens: real towns, invented establishments, and the units they have.

Postal codes and positions are those of the towns; establishments, networks, their numbers and streets are made up.
"""

from dataclasses import dataclass
from typing import Final

from fhirserver.demo.words import Country, Words


@dataclass(frozen=True, slots=True)
class Town:
    """A town; ``insee`` is its code of the French official geography."""

    name: Words
    postcode: str
    latitude: str
    longitude: str
    insee: str | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """A kind of unit: its codes, and its beds (0: consultations only)."""

    words: Words
    hcparty: str
    specialty: str
    setting: str
    beds: int


@dataclass(frozen=True, slots=True)
class Site:
    """An establishment of a network; ``number`` makes its identifiers."""

    key: str
    country: Country
    words: Words
    town: str
    street: str
    number: int
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """Establishments that share their patients."""

    key: str
    country: Country
    words: Words
    domain: str
    sites: tuple[Site, ...]


def _same(name: str) -> Words:
    return Words(name, name)


TOWNS: Final = {
    "tournai": Town(Words("Tournai", "Doornik"), "7500", "50.6056", "3.3878"),
    "mouscron": Town(Words("Mouscron", "Moeskroen"), "7700", "50.7430", "3.2142"),
    "ath": Town(Words("Ath", "Aat"), "7800", "50.6294", "3.7789"),
    "leuze": Town(_same("Leuze-en-Hainaut"), "7900", "50.5990", "3.6180"),
    "peruwelz": Town(_same("Péruwelz"), "7600", "50.5094", "3.5911"),
    "antoing": Town(_same("Antoing"), "7640", "50.5670", "3.4490"),
    "comines": Town(Words("Comines-Warneton", "Komen-Waasten"), "7780", "50.7686", "3.0003"),
    "lessines": Town(Words("Lessines", "Lessen"), "7860", "50.7109", "3.8326"),
    "enghien": Town(Words("Enghien", "Edingen"), "7850", "50.6929", "4.0397"),
    "kortrijk": Town(Words("Courtrai", "Kortrijk"), "8500", "50.8280", "3.2649"),
    "menen": Town(Words("Menin", "Menen"), "8930", "50.7963", "3.1218"),
    "wevelgem": Town(_same("Wevelgem"), "8560", "50.8082", "3.1855"),
    "avelgem": Town(_same("Avelgem"), "8580", "50.7749", "3.4434"),
    "ronse": Town(Words("Renaix", "Ronse"), "9600", "50.7449", "3.6005"),
    "geraardsbergen": Town(Words("Grammont", "Geraardsbergen"), "9500", "50.7739", "3.8822"),
    "valenciennes": Town(_same("Valenciennes"), "59300", "50.3570", "3.5235", "59606"),
    "douai": Town(_same("Douai"), "59500", "50.3714", "3.0797", "59178"),
    "cambrai": Town(_same("Cambrai"), "59400", "50.1763", "3.2348", "59122"),
    "anzin": Town(_same("Anzin"), "59410", "50.3722", "3.5047", "59014"),
    "saint-amand": Town(_same("Saint-Amand-les-Eaux"), "59230", "50.4484", "3.4276", "59526"),
    "denain": Town(_same("Denain"), "59220", "50.3297", "3.3944", "59172"),
    "somain": Town(_same("Somain"), "59490", "50.3577", "3.2804", "59574"),
    "orchies": Town(_same("Orchies"), "59310", "50.4740", "3.2437", "59449"),
    "caudry": Town(_same("Caudry"), "59540", "50.1253", "3.4120", "59139"),
    "le-cateau": Town(_same("Le Cateau-Cambrésis"), "59360", "50.1036", "3.5445", "59136"),
    "conde": Town(_same("Condé-sur-l'Escaut"), "59163", "50.4503", "3.5898", "59153"),
    "aniche": Town(_same("Aniche"), "59580", "50.3300", "3.2520", "59008"),
}

HOMES: Final = {
    "beffroi": ("tournai", "tournai", "antoing", "peruwelz", "leuze"),
    "saint-eloi": ("mouscron", "mouscron", "comines", "kortrijk", "menen", "wevelgem", "avelgem"),
    "dendre": ("ath", "ath", "lessines", "enghien", "leuze", "ronse", "geraardsbergen"),
    "froissart": ("valenciennes", "valenciennes", "anzin", "saint-amand", "denain", "conde"),
    "scarpe": ("douai", "douai", "somain", "orchies", "aniche"),
    "cambresis": ("cambrai", "cambrai", "caudry", "le-cateau"),
}
"""The towns that the patients of a site live in."""

FLEMISH_TOWNS: Final = frozenset({"kortrijk", "menen", "wevelgem", "avelgem", "ronse", "geraardsbergen"})

STREETS: Final = Words(
    "Rue de la Station|Rue du Moulin|Chaussée de Lille|Place Saint-Pierre|Rue des Écoles|Avenue des États-Unis|"
    "Rue de l'Église|Résidence les Peupliers|Rue Saint-Éleuthère|Drève des Tilleuls|Rue Haute|Quai des Salines",
    "Stationsstraat|Molenstraat|Kerkstraat|Doorniksesteenweg|Groeningelaan|Sint-Jansplein|Vlasbloemstraat|"
    "Schoolstraat|'s-Gravenstraat|Leopold II-laan",
)
FRENCH_STREETS: Final = (
    "Rue Victor-Hugo|Avenue Jean-Jaurès|Rue Pasteur|Rue de la République|Boulevard Faidherbe|Rue du Maréchal-Foch|"
    "Cité des Mineurs|Rue de l'Abbaye|Impasse des Lilas|Rue Léo-Lagrange|Place d'Armes|Rue du Faubourg-de-Paris"
)

UNITS: Final = {
    "emergency": Unit(Words("Urgences", "Spoedgevallen"), "deptemergency", "SM59", "773568002", 4),
    "icu": Unit(Words("Soins intensifs", "Intensieve zorg"), "deptintensivecare", "SM46", "408478003", 5),
    "cardiology": Unit(Words("Cardiologie", "Cardiologie"), "deptcardiology", "SM04", "394579002", 6),
    "pneumology": Unit(Words("Pneumologie", "Pneumologie"), "deptpneumology", "SM41", "418112009", 6),
    "internal": Unit(
        Words("Médecine interne", "Inwendige geneeskunde"), "deptinternalmedicine", "SM27", "419192003", 6
    ),
    "geriatrics": Unit(Words("Gériatrie", "Geriatrie"), "deptgeriatry", "SM18", "394811001", 6),
    "neurology": Unit(Words("Neurologie", "Neurologie"), "deptneurology", "SM32", "394591006", 6),
    "surgery": Unit(Words("Chirurgie digestive", "Abdominale heelkunde"), "deptsurgery", "SM14", "394609007", 6),
    "orthopaedics": Unit(Words("Orthopédie", "Orthopedie"), "deptorthopedy", "SM08", "394801008", 6),
    "oncology": Unit(Words("Oncologie", "Oncologie"), "deptoncology", "SM36", "394593009", 5),
    "nephrology": Unit(Words("Néphrologie", "Nefrologie"), "deptnephrology", "SM30", "394589003", 4),
    "endocrinology": Unit(Words("Diabétologie", "Diabetologie"), "deptendocrinodiabetology", "SM62", "394583002", 0),
    "maternity": Unit(Words("Maternité", "Materniteit"), "deptgynecologyobstetrics", "SM20", "394585009", 6),
    "paediatrics": Unit(Words("Pédiatrie", "Pediatrie"), "deptpediatry", "SM40", "394537008", 5),
    "psychiatry": Unit(Words("Psychiatrie", "Psychiatrie"), "deptadultpsychiatry", "SM42", "394587001", 6),
    "rehabilitation": Unit(Words("Réadaptation", "Revalidatie"), "deptrevalidation", "SM29", "394602003", 6),
}

_LARGE: Final = ("emergency", "icu", "cardiology", "internal", "neurology", "surgery", "orthopaedics", "oncology")
_FULL: Final = (*_LARGE, "nephrology", "endocrinology", "maternity", "paediatrics")
_MIDDLE: Final = (
    "emergency", "cardiology", "pneumology", "internal", "geriatrics", "surgery", "orthopaedics", "endocrinology",
    "maternity", "paediatrics",
)  # fmt: skip
_SMALL: Final = ("emergency", "internal", "geriatrics", "pneumology", "psychiatry", "rehabilitation", "endocrinology")

NETWORKS: Final = (
    Network(
        "escaut-dendre", Country.BELGIUM,
        Words("Réseau hospitalier Escaut-Dendre", "Ziekenhuisnetwerk Schelde-Dender"),
        "escaut-dendre.example",
        (
            Site("beffroi", Country.BELGIUM, Words("Hôpital du Beffroi", "Belfortziekenhuis"),
                 "tournai", "Boulevard du Roi Albert 41", 1, _FULL),
            Site("saint-eloi", Country.BELGIUM, Words("Clinique Saint-Éloi", "Sint-Elooiskliniek"),
                 "mouscron", "Avenue de la Reine 118", 2, _MIDDLE),
            Site("dendre", Country.BELGIUM, Words("Clinique de la Dendre", "Denderkliniek"),
                 "ath", "Rue des Géants 7", 3, _SMALL),
        ),
    ),
    Network(
        "scarpe-cambresis", Country.FRANCE, _same("GHT Scarpe-Cambrésis"),
        "ght-scarpe-cambresis.example",
        (
            Site("froissart", Country.FRANCE, _same("Centre hospitalier Froissart"),
                 "valenciennes", "Avenue du Sénateur 60", 4, _FULL),
            Site("scarpe", Country.FRANCE, _same("Hôpital de la Scarpe"),
                 "douai", "Rue des Jacobins 12", 5, _MIDDLE),
            Site("cambresis", Country.FRANCE, _same("Hôpital Martin-et-Martine"),
                 "cambrai", "Route de Solesmes 3", 6, _SMALL),
        ),
    ),
)  # fmt: skip


def network_of(country: Country) -> Network:
    """Return the network of a country."""
    return NETWORKS[0] if country is Country.BELGIUM else NETWORKS[1]


def site_with(unit: str, home: Site) -> Site:
    """Return where a patient of one site finds a unit: there, or at the first site of the network that has it."""
    if unit in home.units:
        return home
    return next(site for site in network_of(home.country).sites if unit in site.units)
