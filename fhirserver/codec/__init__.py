"""Representations of a resource: JSON with every number literal kept, and patches on it.

``fhir_json`` reads bodies and writes responses; ``json_patch`` applies RFC 6902, ``merge_patch`` RFC 7396,
``xml_patch`` RFC 5261; ``fhir_xml`` converts from and to XML, ``turtle`` to RDF.
Spec: http://hl7.org/fhir/R4/json.html
"""
