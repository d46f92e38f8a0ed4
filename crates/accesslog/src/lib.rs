//! accesslog: see ARCHITECTURE.md.
