//! proxy: see ARCHITECTURE.md.
