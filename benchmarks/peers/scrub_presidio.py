"""presidio-analyzer's recognizers by pattern, of all countries, on texts of standard input; without a language model,
which it would have to download. One JSON list of [start, end, category, score] per line of JSON text. Used by
`benchmarks/scrub.py`."""

from __future__ import annotations

import inspect
import json
import sys

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry, predefined_recognizers
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

CATEGORIES = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "card", "IBAN_CODE": "iban", "IP_ADDRESS": "ip",
    "US_SSN": "national_id", "US_ITIN": "national_id", "UK_NINO": "national_id", "ES_NIF": "national_id",
    "ES_NIE": "national_id", "IT_FISCAL_CODE": "national_id", "PL_PESEL": "national_id", "IN_AADHAAR": "national_id",
    "FI_PERSONAL_IDENTITY_CODE": "national_id", "SE_PERSONNUMMER": "national_id", "DE_TAX_ID": "national_id",
    "DE_TAX_IDENTIFICATION_NUMBER": "national_id", "BR_CPF": "national_id", "NL_BSN": "national_id",
    "FR_NIR": "national_id", "CN_RESIDENT_ID": "national_id",
}  # fmt: skip


class WithoutModel(SpacyNlpEngine):
    """Cuts texts into words and knows nothing of them; words beside a match still count."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}

    def load(self) -> None:
        return None


def build() -> AnalyzerEngine:
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # the list that it brings along
    registry = RecognizerRegistry()
    for name, kind in inspect.getmembers(predefined_recognizers, inspect.isclass):
        if issubclass(kind, PatternRecognizer) or kind is PhoneRecognizer:
            try:
                registry.add_recognizer(kind(supported_language="en"))
            except Exception as error:
                print(f"{name}: {error}", file=sys.stderr)
    return AnalyzerEngine(nlp_engine=WithoutModel(), registry=registry, supported_languages=["en"])


def main() -> None:
    engine = build()
    for line in sys.stdin:
        found = engine.analyze(json.loads(line), language="en")
        print(json.dumps([
            [each.start, each.end, CATEGORIES[each.entity_type], each.score]
            for each in found if each.entity_type in CATEGORIES
        ]))  # fmt: skip


if __name__ == "__main__":
    main()
