//! Orders that touch the same files, on the real programs.
