//! What counts as a word.

use wordcraft::words;

#[test]
fn punctuation_and_blanks_part_words_and_apostrophes_do_not() {
    let found: Vec<&str> = words("Don't panic, it's 42!").collect();
    assert_eq!(found, ["Don't", "panic", "it's", "42"]);
}

#[test]
fn a_text_without_letters_has_no_words() {
    assert_eq!(words(" -- ... ").count(), 0);
}
