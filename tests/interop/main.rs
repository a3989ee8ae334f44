//! Live tests: nodes of ours and real BEAMs.
