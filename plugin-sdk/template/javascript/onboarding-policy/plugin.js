// Decides who may become a tenant.
//
// Records are objects with camelCase members, variants are `{tag, val}`, what is absent is null, and the
// documents inside are JSON text.

const CONFIGURATION_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: { tenants: { title: "Tenants", type: "integer", minimum: 0, default: 100 } },
  additionalProperties: false,
};

export const policy = {
  describe(_configuration) {
    const does = "From a number of tenants on, a person looks at every registration.";
    return {
      display: [{ locale: "en", name: "{{project-name}}", description: does }],
      configurationSchema: JSON.stringify(CONFIGURATION_SCHEMA),
      ext: [],
    };
  },

  decide(_registration, context) {
    const { tenants = 100 } = JSON.parse(context.configuration);
    if (context.counts.total < tenants) {
      return { tag: "approve" };
    }
    const message = "somebody has to look whether there is room";
    return { tag: "require-approval", val: [{ pointer: "", code: "many-tenants", message }] };
  },
};
