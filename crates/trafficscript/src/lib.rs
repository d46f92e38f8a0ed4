//! trafficscript: see ARCHITECTURE.md.
