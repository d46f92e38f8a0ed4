//! message: see ARCHITECTURE.md.
