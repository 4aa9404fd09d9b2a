//! The live router and the shard state machines.
