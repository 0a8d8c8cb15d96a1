"""Values that nobody of refinec thought up: Faker's, of many countries, each in a sentence that says what it is and in
one that does not. One JSON object per line: category, text, span (null where nothing is to be found), told. Used by
`benchmarks/scrub.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from faker import Faker

EACH = 20
LATIN = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "sv_SE", "pt_BR", "en_IN", "en_AU")
IDS = {
    "en_US": "ssn", "en_GB": "ssn", "es_ES": "nif", "it_IT": "ssn", "fr_FR": "ssn", "pl_PL": "pesel", "nl_NL": "ssn",
    "pt_BR": "cpf", "sv_SE": "ssn", "fi_FI": "ssn", "en_IN": "aadhaar_id", "zh_CN": "ssn",
}  # fmt: skip
WORDS = {
    "email": "e-mail", "phone": "phone", "card": "card", "iban": "IBAN", "ip": "IP address", "name": "name",
    "key": "password",
}  # fmt: skip
ID_WORDS = {
    "en_US": "SSN", "en_GB": "National Insurance", "es_ES": "NIF", "it_IT": "codice fiscale", "fr_FR": "NIR",
    "pl_PL": "PESEL", "nl_NL": "BSN", "pt_BR": "CPF", "sv_SE": "personnummer", "fi_FI": "HETU", "en_IN": "Aadhaar",
    "zh_CN": "resident id",
}  # fmt: skip


def draw() -> Iterator[tuple[str, str, str]]:
    """(category, word that says what it is, value)."""
    for locale in LATIN:
        fake = Faker(locale)
        fake.seed_instance(7)
        for _ in range(EACH):
            yield "phone", WORDS["phone"], fake.phone_number()
            yield "email", WORDS["email"], fake.ascii_free_email()
            yield "name", WORDS["name"], f"{fake.first_name()} {fake.last_name()}"
            if locale not in ("en_US", "en_IN", "en_AU", "pt_BR"):
                yield "iban", WORDS["iban"], fake.iban()
    fake = Faker("en_US")
    fake.seed_instance(7)
    for _ in range(10 * EACH):
        yield "card", WORDS["card"], fake.credit_card_number()
        yield "ip", WORDS["ip"], fake.ipv4_public()
        yield "key", WORDS["key"], fake.password(length=14)
    for locale, method in IDS.items():
        fake = Faker(locale)
        fake.seed_instance(7)
        for _ in range(EACH):
            yield "national_id", ID_WORDS[locale], str(getattr(fake, method)())


def draw_others() -> Iterator[str]:
    """Values of other kinds, in which nothing is to be found."""
    fake = Faker("en_US")
    fake.seed_instance(7)
    kinds: tuple[Callable[[], str], ...] = (
        fake.isbn13, fake.isbn10, fake.ean13, fake.uuid4, fake.sha1, fake.sha256, fake.md5, fake.iso8601, fake.city,
        fake.catch_phrase, fake.color_name, fake.mac_address, fake.zipcode, fake.bothify, fake.license_plate,
        lambda: str(fake.pyfloat()), lambda: str(fake.random_number(digits=10)), lambda: fake.sentence(nb_words=12),
    )  # fmt: skip
    for kind in kinds:
        for _ in range(EACH):
            yield kind()


def main() -> None:
    for category, word, value in draw():
        for told, head in ((True, f"The {word}: "), (False, "In the note stands ")):
            text = f"{head}{value}, and nothing else."
            print(json.dumps({
                "category": category, "text": text, "span": [len(head), len(head) + len(value)], "told": told,
            }))  # fmt: skip
    for value in draw_others():
        print(json.dumps({"category": "", "text": f"In the note stands {value}, and nothing else.", "span": None,
                          "told": False}))  # fmt: skip


if __name__ == "__main__":
    main()
