//! wordcraft: small tools for words. A tool is a module of its own, declared in its section below, and each section
//! has room for more.

/// The words of a text: letters, digits and apostrophes that stand together.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let between = |c: char| !c.is_alphanumeric() && c != '\'';
    text.split(between).filter(|word| !word.is_empty())
}

// Addresses.

// Counting.

// Headings.

// Previews.

// Sequences.
