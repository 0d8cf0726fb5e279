//! Custom sections at the end of a component: who a plugin is, and its examples, where no SDK writes them.

/// Appends a section.
pub(super) fn append(component: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut section = Vec::new();
    leb128(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    component.push(0);
    leb128(component, section.len());
    component.extend(section);
}

fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_its_length_its_name_and_its_content() {
        let mut component = Vec::new();
        append(&mut component, "ab", &[7; 200]);
        assert_eq!(component[..6], [0, 0xcb, 0x01, 2, b'a', b'b']);
        assert_eq!(component.len(), 6 + 200);
    }
}
