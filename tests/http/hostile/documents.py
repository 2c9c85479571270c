"""XML documents that attack their reader: DTDs, entities, inclusions, depth, encodings, namespaces.

Spec: http://hl7.org/fhir/R4/xml.html ("no DTD references")
"""

import random

from tests.http.hostile.case import ELSEWHERE, XML, Case, Maker, damaged

F = ' xmlns="http://hl7.org/fhir"'
XHTML = "http://www.w3.org/1999/xhtml"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
PROLOGS = (
    "",
    "",
    "",
    "",
    '<?xml version="1.0"?>',
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
    '<?xml version="1.1"?>',
    '<?xml version="1.0" encoding="UTF-7"?>',
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<?xml version="1.0" encoding="ISO-8859-1"?>',
    '<?xml version="1.0" encoding="x-nonsense"?>',
    f'<?xml-stylesheet type="text/xsl" href="{ELSEWHERE}x.xsl"?>',
    "<?php system('id') ?>",
    "<!-- -- -->",
    " \n<?xml version='1.0'?>",
    "<!DOCTYPE x>",
    f'<!DOCTYPE x SYSTEM "{ELSEWHERE}x.dtd">',
    f'<!DOCTYPE x PUBLIC "-//X//X" "{ELSEWHERE}x.dtd">',
    f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>',
    f'<!DOCTYPE x [<!ENTITY l9 "{"a" * 50_000}">]>',
    '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
    f'<!DOCTYPE x [<!ENTITY l9 SYSTEM "{ELSEWHERE}x">]>',
    f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{ELSEWHERE}x"> %p;]>',
    '<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b "&a;"><!ENTITY l9 "&a;">]>',
    '<!DOCTYPE x [<!ATTLIST Patient id CDATA "x">]>',
    "<!DOCTYPE x [<!NOTATION n SYSTEM 'x'><!ENTITY l9 SYSTEM 'x' NDATA n>]>",
    "<!DOCTYPE x [" + "<!ENTITY a 'b'>" * 5_000 + "]>",
)
ROOTS = (
    *((f"<Patient{F}>", "</Patient>"),) * 4,
    ("<f:Patient xmlns:f='http://hl7.org/fhir'>", "</f:Patient>"),
    (f"<Observation{F}>", "</Observation>"),
    (f"<Bundle{F}><type value='batch'/>", "</Bundle>"),
    (f"<Parameters{F}>", "</Parameters>"),
    ("<Patient>", "</Patient>"),
    ("<Patient xmlns='http://hl7.org/fhir/'>", "</Patient>"),
    ("<Patient xmlns='urn:hl7-org:v3'>", "</Patient>"),
    (f"<Foo{F}>", "</Foo>"),
    (f"<Patient{F}>", ""),
    (f"<Patient{F}>", f"</Patient><Patient{F}/>"),
    (f"<Patient{F} id='x' value='y'>", "</Patient>"),
    (f"<Patient{F} xmlns:i='http://www.w3.org/2001/XInclude'>", "</Patient>"),
)
INSIDES = (
    "",
    "<id value='h2'/><active value='true'/><name><family value='x'/></name>",
    "&l9;",
    "&l9;" * 50_000,
    "<id value='&l9;'/>",
    "<name><family value='&l9;&l9;'/></name>",
    "<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='file:///etc/passwd' parse='text'/>",
    f"<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='{ELSEWHERE}x'/>",
    "<i:include href='file:///etc/passwd'><i:fallback/></i:include>",
    "<name>" * 150,
    "<name>" * 150 + "</name>" * 150,
    "<a>" * 100_000,
    "<extension url='u'>" * 95 + "</extension>" * 95,
    "<contained><Patient>" * 40 + "</Patient></contained>" * 40,
    "<active value='true'/>" * 2,
    "<active value='true' value='false'/>",
    "<active value='yes'/>",
    "<active>true</active>",
    "<active/>",
    "<active value=''/>",
    "<name value='x'/>",
    "<unknown value='x'/>",
    "<birthDate value='1970-13-01'/>",
    "<multipleBirthInteger value='" + "9" * 5_000 + "'/>",
    "<multipleBirthInteger value='1e5'/>",
    "text between",
    "<![CDATA[text]]>",
    "<!-- " + "x" * 200_000 + " -->",
    "<?x " + "y" * 200_000 + "?>",
    "<?xml version='1.0'?>",
    "<p:active value='true'/>",
    "<active xmlns='urn:other' value='true'/>",
    f"<text><status value='generated'/><div xmlns='{XHTML}'>" + "<b>" * 3_000 + "</b>" * 3_000 + "</div></text>",
    f"<text><status value='generated'/><div xmlns='{XHTML}'><script>x</script>&nbsp;</div></text>",
    f"<text><status value='generated'/><div xmlns='{XHTML}' xmlns:a='b' a:c='d'><h:p xmlns:h='{XHTML}'/></div></text>",
    "<text><status value='generated'/><div>x</div></text>",
    "<a " + " ".join(f"a{n}='1'" for n in range(20_000)) + "/>",
    "<a " + " ".join(f"xmlns:n{n}='urn:{n}'" for n in range(5_000)) + "/>",
    "<" + "a" * 200_000 + "/>",
    "<name><given value='a'/></name>" * 5_000,
    "<name>" + "<given id='a'/>" * 10_000 + "</name>",
    "<name><text value='" + "&#65;" * 50_000 + "'/></name>",
    "<name><text value='" + "a" * 1_200_000 + "'/></name>",
    "<extension url='u'><valueBase64Binary value='" + "A" * 500_000 + "'/></extension>",
    "<x:a xmlns:x='x'><x:b/></x:a>",
    "<a xmlns:xml='urn:x'/>",
    "<a xmlns:xmlns='urn:x'/>",
    "&#0;",
    "&#xd800;",
    "&#x110000;",
    "\x00",
    "\ufffe",
    "]]>",
    "<",
    "</",
    "<entry><resource><Patient/></resource></entry>",
    "<parameter><name value='meta'/><valueMeta><tag><code value='x'/></tag></valueMeta></parameter>",
    "<parameter><name value='x'/><resource><i:include xmlns:i='x'/></resource></parameter>",
)
ENCODINGS = ("utf-8",) * 12 + ("utf-16", "utf-16-be", "utf-32", "latin-1", "utf-7", "cp037", "utf-8-sig", "shift-jis")
MEDIA_TYPES = (
    *((XML,) * 8),
    *("application/xml", "text/xml", "application/fhir+xml;charset=utf-16", "application/fhir+xml;charset=latin1"),
    *("application/fhir+json", "application/xml+fhir", "image/svg+xml"),
)


def documents(chance: random.Random) -> Case:
    """A document of any prolog, root and content, in any encoding."""
    root, end = chance.choice(ROOTS)
    inside = "".join(chance.choice(INSIDES) for _ in range(chance.choice((1, 1, 1, 2, 3))))
    text = chance.choice(PROLOGS) + root + inside + end
    if chance.random() < 0.15:
        text = damaged(chance, text)
    body = text.encode(chance.choice(ENCODINGS), "replace")
    method, path = _where(chance, root)
    return Case("xml", method, path, body, chance.choice(MEDIA_TYPES))


def _where(chance: random.Random, root: str) -> tuple[str, str]:
    resource_type = "Observation" if "Observation" in root else "Patient"
    if "Bundle" in root or chance.random() < 0.1:
        return "POST", ""
    if "Parameters" in root:
        return "POST", f"Patient/p/${chance.choice(('meta-add', 'diff', 'everything', 'graphql'))}"
    if chance.random() < 0.1:
        return chance.choice(
            (("POST", "Binary"), ("PUT", "Binary/h2"), ("PATCH", "Patient/p"), ("POST", "Patient/_search"))
        )
    return chance.choice((("POST", resource_type), ("PUT", f"{resource_type}/h2")))


MAKERS: tuple[Maker, ...] = (documents,)
