//! Services every node answers.
