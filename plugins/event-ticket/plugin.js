// A ticket for an event, written in JavaScript.
//
// Shows the contract without an SDK: records are objects with camelCase members, variants are
// `{tag, val}`, what is absent is null, and the documents inside are JSON text. The rule needs the time,
// which is an argument: there is no other clock.

const DAY = 86_400; // in seconds

// Name, kind, mandatory, label in English, label in German.
const FIELDS = [
  ["event", "text", true, "Event", "Veranstaltung"],
  ["venue", "text", true, "Venue", "Ort"],
  ["day", "date", true, "Day", "Tag"],
  ["seat", "text", false, "Seat", "Platz"],
  ["holder", "text", false, "Holder", "Inhaber"],
];

const text = (example) => ({ type: "string", minLength: 1, maxLength: 150, examples: [example] });

const SUBJECT_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: {
    event: text("Evening lecture on the Engine"),
    venue: text("Marylebone"),
    day: { type: "string", format: "date", examples: ["2034-01-14"] },
    seat: text("12 B"),
    holder: text("Ada Lovelace"),
  },
  required: ["event", "venue", "day"],
  additionalProperties: false,
};

const COLORS = { backgroundColor: "#8c1c4a", textColor: "#ffffff" };

// The day in UTC, as YYYY-MM-DD.
const dayAt = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

export const template = {
  describe(_configuration) {
    return {
      configurationId: "event-ticket",
      display: [
        { locale: "en", name: "Event ticket", description: "Lets you in.", ...COLORS },
        { locale: "de", name: "Eintrittskarte", description: "Lässt Sie ein.", ...COLORS },
      ],
      fields: FIELDS.map(([name, kind, mandatory, english, german]) => ({
        name,
        kind,
        mandatory,
        display: [
          { locale: "en", name: english },
          { locale: "de", name: german },
        ],
      })),
      sdJwt: {
        vct: "urn:chancery:event-ticket:1",
        claims: FIELDS.map(([field]) => ({ field, path: [field], disclosure: "selective", elements: false })),
      },
      mdoc: null,
      w3c: null,
      sources: [],
      subjectSchema: JSON.stringify(SUBJECT_SCHEMA),
      configurationSchema: JSON.stringify({ type: "object", additionalProperties: false }),
      validityDays: 90,
      ext: [],
    };
  },

  prepare(request, context) {
    const subject = JSON.parse(request.subject);
    // It may still be the day before somewhere.
    if (subject.day < dayAt(context.now - DAY)) {
      const message = "must not be over; nobody is let in any more";
      return { tag: "refuse", val: [{ pointer: "/day", code: "in-the-past", message }] };
    }
    const goodUntil = Date.parse(subject.day) / 1000 + 2 * DAY;
    return { tag: "issue", val: { values: JSON.stringify(subject), goodUntil, ext: [] } };
  },
};
