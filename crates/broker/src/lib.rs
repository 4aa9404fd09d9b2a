//! The broker as a library: puts the parts together.
