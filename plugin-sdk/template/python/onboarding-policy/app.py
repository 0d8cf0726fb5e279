"""Decides who may become a tenant.

The classes of `wit_world` are generated from the contract; the documents inside of them are JSON text.
"""

import json

from wit_world import exports
from wit_world.exports.policy import (
    Context,
    Decision,
    Decision_Approve,
    Decision_RequireApproval,
    Registration,
)
from wit_world.imports.types import Description, Issue, PluginDisplay

CONFIGURATION_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"tenants": {"title": "Tenants", "type": "integer", "minimum": 0, "default": 100}},
    "additionalProperties": False,
}


class Policy(exports.Policy):
    def describe(self, configuration: str) -> Description:
        does = "From a number of tenants on, a person looks at every registration."
        return Description(
            display=[PluginDisplay("en", "{{project-name}}", does)],
            configuration_schema=json.dumps(CONFIGURATION_SCHEMA),
            ext=[],
        )

    def decide(self, registration: Registration, context: Context) -> Decision:
        tenants = json.loads(context.configuration).get("tenants", 100)
        if context.counts.total < tenants:
            return Decision_Approve()
        reason = Issue("", "many-tenants", "somebody has to look whether there is room")
        return Decision_RequireApproval([reason])
