// Shows that somebody is a member.
//
// Records are objects with camelCase members, variants are `{tag, val}`, what is absent is null, and the
// documents inside are JSON text.

// Name, kind, label.
const FIELDS = [
  ["given_name", "text", "Given name"],
  ["family_name", "text", "Family name"],
  ["member_since", "date", "Member since"],
];

const SUBJECT_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: {
    given_name: { type: "string", minLength: 1, examples: ["Ada"] },
    family_name: { type: "string", minLength: 1, examples: ["Lovelace"] },
    member_since: { type: "string", format: "date", examples: ["2024-01-15"] },
  },
  required: ["given_name", "family_name", "member_since"],
  additionalProperties: false,
};

// The day in UTC, as YYYY-MM-DD.
const dayAt = (seconds) => new Date(Number(seconds) * 1000).toISOString().slice(0, 10);

export const template = {
  describe(_configuration) {
    return {
      configurationId: "{{project-name}}",
      display: [
        {
          locale: "en",
          name: "Membership",
          description: "Shows that you are a member.",
          backgroundColor: "#12355b",
          textColor: "#ffffff",
        },
      ],
      fields: FIELDS.map(([name, kind, label]) => ({
        name,
        kind,
        mandatory: true,
        display: [{ locale: "en", name: label }],
      })),
      // The type's name for verifiers: yours alone, and never another meaning.
      sdJwt: {
        vct: "urn:example:{{project-name}}:1",
        claims: FIELDS.map(([field]) => ({ field, path: [field], disclosure: "selective", elements: false })),
      },
      mdoc: null,
      w3c: null,
      sources: [],
      subjectSchema: JSON.stringify(SUBJECT_SCHEMA),
      configurationSchema: JSON.stringify({ type: "object", additionalProperties: false }),
      validityDays: 365,
      ext: [],
    };
  },

  prepare(request, context) {
    const subject = JSON.parse(request.subject);
    // What a schema cannot say. The time is an argument: there is no other clock.
    if (subject.member_since > dayAt(context.now)) {
      const message = "must not be later than today";
      return { tag: "refuse", val: [{ pointer: "/member_since", code: "in-the-future", message }] };
    }
    // It ends when `validityDays` says so. What stands for something that ends sooner says when: `goodUntil`, in seconds.
    return { tag: "issue", val: { values: JSON.stringify(subject), goodUntil: null, ext: [] } };
  },
};
