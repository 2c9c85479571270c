"""CodeSystem and ValueSet resolution.

In order of control flow: ``sources`` says where definitions come from; ``code_systems`` indexes one CodeSystem;
``filters`` reads the filters of a compose; ``compose`` turns a ValueSet's content logical definition into its
codes; ``required`` keeps the code sets that the validator's required bindings need; ``membership`` answers searches,
and ``memory`` remembers these answers for as long as the definitions are the same.
Spec: http://hl7.org/fhir/R4/terminology-module.html
"""
