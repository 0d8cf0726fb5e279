"""Shows that somebody is a member.

The classes of `wit_world` are generated from the contract; the documents inside of them are JSON text.
"""

import json
from datetime import datetime, timezone

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

# Name, kind, label.
FIELDS = [
    ("given_name", ValueKind.TEXT, "Given name"),
    ("family_name", ValueKind.TEXT, "Family name"),
    ("member_since", ValueKind.DATE, "Member since"),
]

SUBJECT_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "given_name": {"type": "string", "minLength": 1, "examples": ["Ada"]},
        "family_name": {"type": "string", "minLength": 1, "examples": ["Lovelace"]},
        "member_since": {"type": "string", "format": "date", "examples": ["2024-01-15"]},
    },
    "required": ["given_name", "family_name", "member_since"],
    "additionalProperties": False,
}


class Template(exports.Template):
    def describe(self, configuration: str) -> Definition:
        display = CredentialDisplay(
            "en",
            "Membership",
            "Shows that you are a member.",
            background_color="#12355b",
            text_color="#ffffff",
            logo=None,
            background_image=None,
        )
        return Definition(
            configuration_id="{{project-name}}",
            display=[display],
            fields=[Field(name, kind, True, [Label("en", label)]) for name, kind, label in FIELDS],
            # The type's name for verifiers: yours alone, and never another meaning.
            sd_jwt=SdJwtProjection(
                "urn:example:{{project-name}}:1",
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
        # What a schema cannot say. The time is an argument: there is no other clock.
        today = datetime.fromtimestamp(context.now, timezone.utc).date().isoformat()
        if subject["member_since"] > today:
            return Outcome_Refuse([Issue("/member_since", "in-the-future", "must not be later than today")])
        return Outcome_Issue(Dataset(json.dumps(subject), good_until=None, ext=[]))
