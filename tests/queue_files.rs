//! The file queue: what people, copies, damage and strange files do to it.
