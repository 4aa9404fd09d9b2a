//! The nouns of Stele and the contract between wires and core.
