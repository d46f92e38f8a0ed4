//! shaping: see ARCHITECTURE.md.
