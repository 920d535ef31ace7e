//! Permits for sessions, on the real programs.
