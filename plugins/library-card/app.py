"""A library card, written in Python.

Shows the contract without an SDK: the classes of `wit_world` are generated from `wit/`, and the
documents inside of them are JSON text. The rule is one that a schema cannot express: the last digit of
a card number checks the others.
"""

import json

from wit_world import exports
from wit_world.exports.template import (
    Context,
    CredentialDisplay,
    Dataset,
    Definition,
    Disclosure,
    Field,
    Outcome,
    Outcome_Issue,
    Outcome_Refuse,
    Request,
    SdJwtClaim,
    SdJwtProjection,
    ValueKind,
)
from wit_world.imports.types import Issue, Label

# Name, mandatory, label in English, label in German.
FIELDS = [
    ("given_name", True, "Given name", "Vorname"),
    ("family_name", True, "Family name", "Nachname"),
    ("card_number", True, "Card number", "Ausweisnummer"),
    ("branch", False, "Branch", "Zweigstelle"),
]

SUBJECT_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
        "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
        "card_number": {"type": "string", "pattern": "^[0-9]{8,20}$", "examples": ["79927398713"]},
        "branch": {"type": "string", "minLength": 1, "maxLength": 150},
    },
    "required": ["given_name", "family_name", "card_number"],
    "additionalProperties": False,
}

# Of the card and of the text on it; no logo, no picture behind the text.
LOOKS = ("#6b3f2a", "#ffffff", None, None)


def checks(number: str) -> bool:
    """Whether the last digit is the right one (ISO/IEC 7812-1, annex B: Luhn)."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = (divmod(2 * digit, 10) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(tens + ones for tens, ones in doubled)) % 10 == 0


class Template(exports.Template):
    def describe(self, configuration: str) -> Definition:
        return Definition(
            configuration_id="library-card",
            display=[
                CredentialDisplay("en", "Library card", "Opens the library.", *LOOKS),
                CredentialDisplay("de", "Bibliotheksausweis", "Öffnet die Bibliothek.", *LOOKS),
            ],
            fields=[
                Field(name, ValueKind.TEXT, mandatory, [Label("en", english), Label("de", german)])
                for name, mandatory, english, german in FIELDS
            ],
            sd_jwt=SdJwtProjection(
                "urn:chancery:library-card:1",
                [SdJwtClaim(name, [name], Disclosure.SELECTIVE, False) for name, *_ in FIELDS],
            ),
            mdoc=None,
            w3c=None,
            sources=[],
            subject_schema=json.dumps(SUBJECT_SCHEMA),
            configuration_schema=json.dumps({"type": "object", "additionalProperties": False}),
            validity_days=365,
            ext=[],
        )

    def prepare(self, request: Request, context: Context) -> Outcome:
        subject = json.loads(request.subject)
        if not checks(subject["card_number"]):
            message = "must end in its check digit; look for a digit that was mistyped"
            return Outcome_Refuse([Issue("/card_number", "wrong-check-digit", message)])
        return Outcome_Issue(Dataset(json.dumps(subject), good_until=None, ext=[]))
