"""A release of some sixty concepts, written by hand: what the expected results of the tests are worked out from.

Codes of the metadata are those of SNOMED CT; all others are made up.
"""

from typing import Final

CONCEPTS: Final = """
root 138875005
  finding 100001
    disease 100002
      heart_disease 100003 defined
        valve_disease 100004 defined
          tetralogy 100005 defined be
        infarct 100006 2021
      lung_disease 100007 defined
        pneumonia 100008 defined
        asthma 100009 2021
        edema_of_lung 100010
    cough 100011
    heart_finding 100012
      heart_disease
  body 100020
    heart 100021
      valve 100022
      ventricle 100023
    lung 100024
    bone 100025
      radius 100026
  morphology 100030
    inflammation 100031
    stenosis 100032
    hypertrophy 100033
    edema 100034
    fracture 100035
  organism 100040
    bacterium 100041
      pneumococcus 100042
  substance 100050
    aspirin 100051
    caffeine 100052
    codeine 100053
  product 100060
    tablet_one 100061
    tablet_three 100062
    syrup 100063 be
    empty 100064
  dose_form 100070
    oral 100071
  unit 100080
    milligram 100081
  attribute 410662002
    associated_with 100091
      agent 100092
      due_to 100093
    site 100094
    morph 100095
    ingredient 100096
    strength 100097
    brand 100098
    refunded 100099
    form 100100
    strength_unit 100101
  fall 100110
    forearm_injury 100111
  metadata 900000000000441003
    module 900000000000443000
      core 900000000000207008
      be_module 11000172109
    description_type 900000000000446008
      fsn 900000000000003001
      synonym 900000000000013009
      text_definition 900000000000550004
    definition_status 900000000000444006
      primitive 900000000000074008
      defined 900000000000073002
    refset 900000000000455006
      language_refset 900000000000506000
        en_gb 900000000000508004
        en_us 900000000000509007
        fr_be 21000172104
        nl_be 31000172101
      historical 900000000000522004
        same_as 900000000000527005
        replaced_by 900000000000526001
        was_a 900000000000528000
        partially_equivalent 1186924009
        possibly_equivalent 900000000000523009
      simple_refset 446609009
        problem_list 100121
        emergency_list 100122
      map_refset 100123
    scheme 900000000000453004
      loinc_scheme 30051010000102
old_asthma 100201 inactive 2019
old_cough 100202 inactive
old_heart 100203 inactive 2019
"""
"""A concept a line, under its parent; one that is there again has one more parent. Years are of the effective time."""

RELATIONSHIPS: Final = """
heart_disease 1 site heart
valve_disease 1 site valve
tetralogy 1 site valve
tetralogy 1 morph stenosis
tetralogy 2 site ventricle
tetralogy 2 morph hypertrophy
infarct 1 site heart
infarct 2 due_to cough
lung_disease 1 site lung
pneumonia 1 site lung
pneumonia 1 morph inflammation
pneumonia 2 agent bacterium
asthma 1 site lung
asthma 1 morph inflammation
asthma 2 site lung
asthma 2 morph edema
edema_of_lung 1 site lung
edema_of_lung 1 morph edema
edema_of_lung 2 associated_with infarct
forearm_injury 1 site bone
forearm_injury 1 morph fracture
forearm_injury 2 site radius
tablet_one 0 form oral
tablet_one 0 brand "Panadol"
tablet_one 0 refunded true
tablet_one 1 ingredient aspirin
tablet_one 1 strength #500
tablet_one 1 strength_unit milligram
tablet_three 0 form oral
tablet_three 0 brand "Migraine *"
tablet_three 0 refunded false
tablet_three 1 ingredient aspirin
tablet_three 1 strength #250
tablet_three 1 strength_unit milligram
tablet_three 2 ingredient caffeine
tablet_three 2 strength #50
tablet_three 2 strength_unit milligram
tablet_three 3 ingredient codeine
tablet_three 3 strength #0.5
syrup 0 brand "panadol"
syrup 1 ingredient codeine
syrup 1 ingredient caffeine
syrup 1 strength #-1
"""
"""Source, group, attribute, value: a concept, ``#number``, ``"text"`` or a truth; in the order of a release."""

DESCRIPTIONS: Final = """
finding fsn en 200001 | Clinical finding (finding) | en_gb=2 en_us=2
disease fsn en 200002 | Disease (disorder) | en_gb=2 en_us=2
disease synonym en 200003 | Disease | en_gb=2 en_us=2
disease synonym fr 200004 | Maladie | fr_be=2
disease synonym nl 200005 | Ziekte | nl_be=2
heart_disease fsn en 200006 | Heart disease (disorder) | en_gb=2 en_us=2
heart_disease synonym en 200007 | Cardiopathy | en_gb=1 en_us=1
heart_disease synonym en 200008 | Heart disease | en_gb=2 en_us=2
heart_disease synonym fr 200009 | Maladie du cœur | fr_be=2
heart_disease synonym nl 200010 | Hartziekte | nl_be=2 be
valve_disease fsn en 200011 | Disorder of heart valve (disorder) | en_gb=2 en_us=2
valve_disease synonym en 200012 | Valvular cardiopathy | en_gb=2 en_us=1 2021
infarct fsn en 200013 | Myocardial infarction (disorder) | en_gb=2 en_us=2
infarct synonym en 200014 | Heart attack | en_gb=1 en_us=2
infarct synonym fr 200015 | Crise cardiaque | fr_be=1
infarct text_definition en 200016 | Death of a part of the heart muscle | en_gb=2
pneumonia fsn en 200017 | Pneumonia (disorder) | en_gb=2 en_us=2
pneumonia synonym en 200018 | Pneumonitis | inactive
asthma fsn en 200019 | Asthma (disorder) | en_gb=2 en_us=2
asthma synonym nl 200020 | Astma | nl_be=2 2021
old_asthma fsn en 200021 | Hay asthma (disorder) | en_gb=2 en_us=2
edema_of_lung fsn en 200022 | Edema of lung (disorder) | en_us=2
edema_of_lung synonym en 200023 | Oedema of lung | en_gb=2
cough fsn en 200024 | Cough (finding) | en_gb=2 en_us=2 2021
"""
"""Concept, type, language, identifier; term; acceptability (1: acceptable, 2: preferred), module, year, inactive."""

REFSETS: Final = """
problem_list | asthma
problem_list | pneumonia
problem_list | old_asthma
problem_list | cough | inactive
emergency_list | infarct | be 2021
emergency_list | asthma
same_as | old_asthma | targetComponentId=asthma
replaced_by | old_cough | targetComponentId=cough
possibly_equivalent | old_heart | targetComponentId=heart_disease
possibly_equivalent | old_heart | targetComponentId=lung_disease inactive
map_refset | asthma | mapGroup=#1 mapPriority=#1 mapTarget="J45.9" advised=true
map_refset | pneumonia | mapGroup=#1 mapPriority=#1 mapTarget="J18.9" advised=true
map_refset | pneumonia | mapGroup=#2 mapPriority=#3 mapTarget="B95.3" advised=false
map_refset | infarct | mapGroup=#1 mapPriority=#2 mapTarget="I21" validUntil="20250131"
"""
"""Reference set, component, fields; what stands alone is as of descriptions."""

IDENTIFIERS: Final = (("loinc_scheme", "54486-6", "cough"), ("loinc_scheme", "LP 1", "asthma"))
