//! The forms of a page, as a wallet without a browser reads them: enough for the pages of Chancery, and no more.

/// A form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageForm {
    /// Where it is sent.
    pub(crate) action: String,
    /// Its inputs and buttons, each with the value that it begins with.
    pub(crate) fields: Vec<(String, String)>,
}

impl PageForm {
    /// Whether it asks for this.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// Whether it has this very button.
    pub(crate) fn offers(&self, name: &str, value: &str) -> bool {
        self.fields.iter().any(|(field, known)| field == name && known == value)
    }

    /// The value that a field begins with.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Every form of a page.
pub(crate) fn forms(html: &str) -> Vec<PageForm> {
    html.split("<form ").skip(1).filter_map(form).collect()
}

fn form(text: &str) -> Option<PageForm> {
    let (tag, rest) = text.split_once('>')?;
    let body = rest.split("</form>").next()?;
    let elements = body.split('<').filter_map(|element| {
        let (tag, text) = element.split_once('>')?;
        let kind = tag.split_ascii_whitespace().next()?;
        let value = match kind {
            "input" | "button" => attribute(tag, "value").unwrap_or_default(),
            "textarea" => plain(text),
            _ => return None,
        };
        Some((attribute(tag, "name")?, value))
    });
    Some(PageForm { action: attribute(tag, "action")?, fields: elements.collect() })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split('"').next().map(plain)
}

/// Undoes the five characters that are escaped in HTML.
fn plain(text: &str) -> String {
    [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&lt;", "<"),
        ("&#62;", ">"),
        ("&gt;", ">"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
    .replace("&#38;", "&")
    .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_with_what_they_begin_with() {
        let page = r#"<p>x</p><form method="post" action="https://h/a?x=1&#38;y=2">
            <input type="hidden" name="page" value="s3"><label>Name<input name="badge/name" required></label>
            <textarea name="json" rows="1">{&#34;a&#34;:1}</textarea>
            <button name="decision" value="consent">Yes</button></form><form action="b"></form>"#;
        let forms = forms(page);
        assert_eq!(forms.len(), 2);
        assert_eq!(forms[0].action, "https://h/a?x=1&y=2");
        assert_eq!(forms[0].value("page"), Some("s3"));
        assert_eq!(forms[0].value("badge/name"), Some(""));
        assert_eq!(forms[0].value("json"), Some(r#"{"a":1}"#));
        assert!(forms[0].offers("decision", "consent") && !forms[1].has("page"));
    }
}
