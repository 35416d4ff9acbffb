"""The protocol of Vonderfecht and Liu (TMLR 2022) on our networks: attribution, seeds, parsers, PRNU, distances."""
