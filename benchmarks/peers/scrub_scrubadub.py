"""scrubadub's detectors, of the locales that it has any for, on texts of standard input; without those for names, which
need data that they would download. One JSON list of [start, end, category] per line of JSON text. Used by
`benchmarks/scrub.py`."""

from __future__ import annotations

import json
import sys

import scrubadub

CATEGORIES = {
    "email": "email", "phone": "phone", "credit_card": "card", "social_security_number": "national_id",
    "national_insurance_number": "national_id", "tax_reference_number": "national_id", "credential": "key",
}  # fmt: skip
LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "sv_SE", "en_AU")


def main() -> None:
    scrubbers = []
    for locale in LOCALES:
        try:
            scrubbers.append(scrubadub.Scrubber(locale=locale))
        except Exception as error:
            print(f"{locale}: {error}", file=sys.stderr)
    for line in sys.stdin:
        text = json.loads(line)
        found = set()
        for scrubber in scrubbers:
            for filth in scrubber.iter_filth(text):
                for each in getattr(filth, "filths", None) or [filth]:
                    if each.type in CATEGORIES:
                        found.add((each.beg, each.end, CATEGORIES[each.type], 1.0))
        print(json.dumps(sorted(found)))


if __name__ == "__main__":
    main()
