//! `next`, `plan`, `why` and `start --dry-run`, as a person meets them.
